"""The device: arithmetic that gives the same bytes each time, and what happens when memory is not enough."""

import os
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from lacuna.errors import LacunaError
from lacuna.jobs.progress import Say

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

T = TypeVar("T")


def prepare_torch(threads: int, gpus: int = 0) -> str:
    """Sets up deterministic arithmetic and returns the device: ``cuda`` where there is one, else ``cpu``.

    The number of threads changes bytes; every rule gives 1. ``gpus`` is the resource ``needs_gpu`` of a profile. If it
    is 1 and there is no GPU, the function raises `LacunaError`, since the job would take days on a processor.
    """
    import torch

    torch.set_num_threads(threads)
    if not torch.cuda.is_available():
        if gpus:
            seen = os.environ.get("CUDA_VISIBLE_DEVICES", "not set")
            raise LacunaError(
                f"torch {torch.__version__} finds no GPU here (CUDA_VISIBLE_DEVICES is {seen}), which the profile "
                "promises with needs_gpu: 1; mend the node or its driver, or set needs_gpu: 0 to run on processors"
            )
        return "cpu"  # one thread is deterministic; to ask torch for it would cost a second of imports
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    return "cuda"


def device_of(model: "nn.Module") -> "torch.device":
    """The device of a model's parameters and buffers; the CPU for a model without any."""
    import torch

    return next((tensor.device for tensor in chain(model.parameters(), model.buffers())), torch.device("cpu"))


def place_images(images: "Tensor", device: str) -> "Tensor":
    """Moves a dataset's images to the device where they fill at most a quarter of its free memory.

    Larger ones are returned as they are. All code that uses images moves each batch itself, so that this decides speed
    and no result.
    """
    import torch

    if device == "cuda" and images.nbytes <= torch.cuda.mem_get_info()[0] // 4:
        return images.to(device)
    return images


def run_batches(
    count: int, batch: int, work: Callable[[slice], T], say: Say, *, done: int = 0, fixed: bool = False
) -> Iterator[tuple[slice, T]]:
    """Does ``work`` on one slice of ``count`` images after another, from ``done`` on; yields each slice and its result.

    Where the GPU runs out of memory, it says so and goes on with half the batch. That suits work on which the batch
    decides nothing but rounding. Raises `LacunaError` where a single image is too much, or the batch is ``fixed``.
    """
    while done < count:
        part = slice(done, min(done + batch, count))
        result = _if_memory(work, part)
        if result is not None:
            yield part, result[0]
            done = part.stop
        elif fixed or part.stop - done == 1:
            why = ", a number that decides the result" if fixed else ""
            raise LacunaError(f"the GPU ran out of memory with {part.stop - done} images at once{why}; {MORE_MEMORY}")
        else:
            batch = (part.stop - done) // 2
            say(f"the GPU ran out of memory: from image {done} on {batch} at once; results are equal up to rounding")


MORE_MEMORY = "use a GPU with more memory (with_gpu in slurm/profile.yaml), or leave this one to one job at a time"


def _if_memory(work: Callable[[slice], T], part: slice) -> tuple[T] | None:
    """The result of the work; None where the GPU's memory was not enough. That memory is then free again."""
    import torch

    try:
        return (work(part),)
    except torch.OutOfMemoryError:
        pass
    torch.cuda.empty_cache()  # only now: the exception kept what was computed
    return None
