"""The state of a long loop, so that a killed job goes on where it stopped and ends with the same bytes."""

import hashlib
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lacuna.errors import TimeIsUp
from lacuna.files.artefacts import atomic_path, separate
from lacuna.files.owner import remove_leftovers
from lacuna.files.slurm import seconds_left

SPARE, SLOWER = 45.0, 1.5  # seconds that a job needs to end, and how much longer than the longest a step may take
EVERY, SHARE = 3.0, 20  # a loop of short steps saves after 3 seconds, and after 20 times what the last save took


class Resumable:
    """One state file outside the declared outputs. It is replaced atomically and valid for one ``digest``.

    A state of another digest, and a state that cannot be read, is never picked up.
    """

    def __init__(self, path: Path, digest: str) -> None:
        self.path, self.digest = path, digest
        self.saved, self.took, self.longest = time.monotonic(), 0.0, 0.0
        self.end = math.inf if (left := seconds_left()) is None else self.saved + left

    def due(self) -> bool:
        """Whether it is time to save. Loops of short steps ask this, so that quick loops write nothing."""
        return time.monotonic() - self.saved >= max(EVERY, SHARE * self.took)

    def load(self) -> tuple[int, dict[str, Tensor]]:
        """The number of steps done, and the tensors saved then; (0, {}) where there is no state to go on from."""
        try:
            with safe_open(self.path, framework="pt") as file:
                note = json.loads(file.metadata()["state"])
                if note["digest"] != self.digest:
                    return 0, {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                return (note["done"], tensors) if note["content"] == _content(tensors) else (0, {})
        except (FileNotFoundError, SafetensorError, KeyError, TypeError, ValueError):
            return 0, {}

    def save(self, done: int, tensors: Mapping[str, Tensor]) -> None:
        """Replaces the state by ``tensors`` after ``done`` steps.

        Raises `TimeIsUp` afterwards where the time of this Slurm job ends before the next state could be kept.
        """
        start = time.monotonic()
        kept = separate(tensors)
        note = json.dumps({"content": _content(kept), "digest": self.digest, "done": done}, sort_keys=True)
        with atomic_path(self.path) as temporary:
            save_file(kept, temporary, {"state": note})
        now = time.monotonic()
        self.longest = max(self.longest, now - self.saved)
        self.saved, self.took = now, now - start
        if now + SLOWER * self.longest + SPARE > self.end:
            raise TimeIsUp

    def finish(self) -> None:
        """Removes the state and its half-written files, since the result is complete."""
        self.path.unlink(missing_ok=True)
        remove_leftovers(self.path)


def _content(tensors: Mapping[str, Tensor]) -> str:
    """sha256 over the tensors' names and bytes, so that a damaged state is not picked up."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].numpy().tobytes())
    return digest.hexdigest()
