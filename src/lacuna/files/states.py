"""The state of a long loop, so that a killed job goes on where it stopped and ends with the same bytes."""

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lacuna.files.artefacts import atomic_path, separate
from lacuna.files.owner import remove_leftovers

EVERY, SHARE = 3.0, 20  # a loop of short steps saves after 3 seconds, and after 20 times what the last save took


class Resumable:
    """One state file outside the declared outputs. It is replaced atomically and valid for one ``digest``.

    A state of another digest, and a state that cannot be read, is never picked up.
    """

    def __init__(self, path: Path, digest: str) -> None:
        self.path, self.digest = path, digest
        self.saved, self.took = time.monotonic(), 0.0

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
        """Replaces the state by ``tensors`` after ``done`` steps."""
        start = time.monotonic()
        kept = separate(tensors)
        note = json.dumps({"content": _content(kept), "digest": self.digest, "done": done}, sort_keys=True)
        with atomic_path(self.path) as temporary:
            save_file(kept, temporary, {"state": note})
        self.saved = time.monotonic()
        self.took = self.saved - start

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
