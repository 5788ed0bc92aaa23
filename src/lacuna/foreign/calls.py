"""Calls code of the user's own: its errors become one sentence, and torch's settings stay as they were."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lacuna.errors import LacunaError
from lacuna.jobs.failures import failure_sentence


@contextmanager
def calling(who: str) -> Iterator[None]:
    """Surrounds a call of code that messages name ``who``.

    Raises `LacunaError` for an error in that code, with its place, and where the code changed a setting of torch that
    all later numbers depend on. Errors of the machine, such as a full memory, pass.
    """
    before = _settings()
    try:
        yield
    except LacunaError:
        raise
    except Exception as error:
        if failure_sentence(error, "", ""):
            raise
        words = " ".join(str(error).split())[:200]
        raise LacunaError(f"{who} raised {type(error).__name__} {_place(error)}: {words}") from error
    for name, value in _settings().items():
        if value != before.get(name, value):
            raise LacunaError(f"{who} set {name} to {value}; allowed: to leave it as it was, {before[name]}")


def _settings() -> dict[str, object]:
    """Torch's settings that decide numbers, by name; none in a job that has no use for torch."""
    if (torch := sys.modules.get("torch")) is None:
        return {}
    return {
        "torch's default type": torch.get_default_dtype(),
        "torch's gradients": torch.is_grad_enabled(),
        "torch's number of threads": torch.get_num_threads(),
        "torch's deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
    }


def _place(error: Exception) -> str:
    """The file and the line of the last call that is not in an installed package."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename and frame.filename != __file__]
    last = (own or frames)[-1]
    return f"at {Path(last.filename).name}, line {last.lineno}"
