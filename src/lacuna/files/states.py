"""The state of a long loop, so that a killed job goes on where it stopped and ends with the same bytes."""

import hashlib
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lacuna.errors import TimeIsUp
from lacuna.files.artefacts import arithmetic, atomic_path, separate, write_text
from lacuna.files.owner import remove_leftovers
from lacuna.files.slurm import seconds_left
from lacuna.jobs.progress import Say, say_to_stderr

SPARE, SLOWER = 45.0, 1.5  # seconds that a job needs to end, and how much longer than the longest a step may take
EVERY, SHARE = 3.0, 20  # a loop of short steps saves after 3 seconds, and after 20 times what the last save took


class Resumable:
    """One state file outside the declared outputs. It is replaced atomically and valid for one ``digest``.

    A state of another digest, a state of a machine that rounds otherwise, and a state that is damaged are never picked
    up; ``say`` then tells why the loop begins afresh.
    """

    def __init__(self, path: Path, digest: str, say: Say = say_to_stderr) -> None:
        self.path, self.digest, self.say = path, digest, say
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
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return (note["done"], tensors) if self._fits(note, tensors) else (0, {})
        except FileNotFoundError:
            return 0, {}
        except (SafetensorError, KeyError, TypeError, ValueError, AttributeError):
            self._refuse("is damaged or of an older version")
            return 0, {}

    def _fits(self, note: dict[str, Any], tensors: Mapping[str, Tensor]) -> bool:
        """Whether a state may be gone on from here; says why not."""
        here = arithmetic()
        if note["seal"] != _seal(note, tensors):
            self._refuse("is damaged")
        elif note["digest"] != self.digest:
            self._refuse("is of other settings, inputs, code or versions")
        elif note["machine"] != here:
            there = f"was made on another kind of machine ({_words(note['machine'])}, here {_words(here)})"
            self._refuse(f"{there}, which rounds otherwise, so that the result would be neither's; allowed: such a one")
        else:
            return True
        return False

    def _refuse(self, why: str) -> None:
        self.say(f"the state {self.path} {why}; it is passed over, and the work begins afresh")

    def save(self, done: int, tensors: Mapping[str, Tensor]) -> None:
        """Replaces the state by ``tensors`` after ``done`` steps.

        Raises `TimeIsUp` afterwards where the time of this Slurm job ends before the next state could be kept.
        """
        start = time.monotonic()
        kept = separate(tensors)
        note = {"digest": self.digest, "done": done, "machine": arithmetic()}
        text = json.dumps({**note, "seal": _seal(note, kept)}, sort_keys=True)
        with atomic_path(self.path) as temporary:
            save_file(kept, temporary, {"state": text})
        now = time.monotonic()
        self.longest = max(self.longest, now - self.saved)
        self.saved, self.took = now, now - start
        if now + SLOWER * self.longest + SPARE > self.end:
            raise TimeIsUp

    @property
    def curve(self) -> Path:
        """The CSV file beside the state that people and plotting programs may follow; no loop reads it."""
        return self.path.with_suffix(".csv")

    def show(self, table: str) -> None:
        """Replaces the `curve` by a longer one."""
        write_text(str(self.curve), table)

    def finish(self) -> None:
        """Removes the state, its curve and their half-written files, since the result is complete."""
        for path in (self.path, self.curve):
            path.unlink(missing_ok=True)
            remove_leftovers(path)


def _words(machine: Mapping[str, str]) -> str:
    return ", ".join(machine.values())


def _seal(note: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """sha256 over the whole note but the seal, and over names, types, shapes and bytes of the tensors."""
    digest = hashlib.sha256(json.dumps({**note, "seal": ""}, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
