"""What surrounds each documented `python -m` command: errors as one sentence, and readers that leave early."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lacuna.errors import LacunaError


@contextmanager
def command() -> Iterator[None]:
    """Ends the process with ``error: ...`` for a `LacunaError`, and in silence where nobody reads the output on."""
    try:
        yield
        sys.stdout.flush()
    except LacunaError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:  # as of `| head`; Python flushes once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + 13)  # as a program that SIGPIPE ended
