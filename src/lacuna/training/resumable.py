"""State of a long loop, so that a killed job goes on where it stopped and ends with the same bytes."""

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lacuna.artefacts import atomic


class Resumable:
    """One state file outside the declared outputs, replaced atomically, valid for one configuration digest.

    State of another configuration, or one that cannot be read, is never picked up.
    """

    def __init__(self, path: Path, digest: str) -> None:
        self.path, self.digest = path, digest

    def load(self) -> tuple[int, dict[str, Tensor]]:
        """Steps done and the tensors saved then; (0, {}) where there is nothing to go on from."""
        try:
            with safe_open(self.path, framework="pt") as file:
                note = json.loads(file.metadata()["state"])
                if note["digest"] != self.digest:
                    return 0, {}
                return note["done"], {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (FileNotFoundError, SafetensorError, KeyError, TypeError, ValueError):
            return 0, {}

    def save(self, done: int, tensors: Mapping[str, Tensor]) -> None:
        """Replaces the state by ``tensors`` after ``done`` steps."""
        note = json.dumps({"digest": self.digest, "done": done}, sort_keys=True)
        with atomic(self.path) as temporary:
            save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, temporary, {"state": note})

    def finish(self) -> None:
        """Removes the state: the result is complete."""
        self.path.unlink(missing_ok=True)
