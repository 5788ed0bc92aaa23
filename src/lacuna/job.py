"""What every workflow script does around its one library call: log, threads, and errors as one sentence."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lacuna.errors import LacunaError
from lacuna.progress import Say, say_to_stderr

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake


@contextmanager
def job(snakemake: "Snakemake") -> Iterator[Say]:
    """Runs a rule's script; yields the function that reports progress.

    A `LacunaError` ends the job with one sentence on stderr; the traceback of any error goes to the rule's log.
    """
    os.environ["OMP_NUM_THREADS"] = str(snakemake.threads)
    log = Path(snakemake.log[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as file:

        def say(line: str) -> None:
            say_to_stderr(line)
            print(line, file=file, flush=True)

        try:
            yield say
        except LacunaError as error:
            say(f"error: {error}")
            sys.exit(1)
        except Exception:
            traceback.print_exc(file=file)
            raise


def prepare_torch(threads: int) -> str:
    """Sets up deterministic arithmetic and returns the device: ``cuda`` where there is one, else ``cpu``.

    The thread count changes bytes, so it comes from the rule and is one everywhere.
    """
    import torch

    torch.set_num_threads(threads)
    if not torch.cuda.is_available():
        return "cpu"  # one thread is deterministic; asking for it would cost a second of imports
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    return "cuda"
