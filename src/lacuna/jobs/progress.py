"""Progress lines with the time left. The same line goes to the terminal and to the job's log."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from lacuna.errors import without_controls

Piece = TypeVar("Piece", bound=Sized)
Say = Callable[[str], None]


def say_to_stderr(line: str) -> None:
    """Writes one line to stderr, at once; control characters in it are shown and not obeyed."""
    print(without_controls(line), file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """Seconds as ``41 s``, ``5 min 02 s``, ``3 h 20 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Progress:
    """Says ``name: unit k of n, ..., about t left``, from the speed since this process began to count."""

    def __init__(self, name: str, unit: str, total: int, say: Say, done: int = 0) -> None:
        self.name, self.unit, self.total, self.say = name, unit, total, say
        self.first, self.start = done, time.monotonic()

    def step(self, done: int, note: str = "") -> None:
        """Reports that ``done`` of the total are finished."""
        elapsed = time.monotonic() - self.start
        left = elapsed / max(1, done - self.first) * (self.total - done)
        tail = f", about {clock(left)} left" if done < self.total else f", {clock(elapsed)}"
        self.say(f"{self.name}: {self.unit} {done} of {self.total}{note and ', ' + note}{tail}")


def report_pieces(pieces: Iterable[Piece], progress: Progress) -> Iterator[Piece]:
    """Yields the pieces of images, or of what is known of them, and reports after each twentieth of the whole.

    A single piece has no report.
    """
    done = 0
    for piece in pieces:
        yield piece
        before, done = done, done + len(piece)
        if len(piece) < progress.total and 20 * done // progress.total > 20 * before // progress.total:
            progress.step(done)
