"""The device, arithmetic that gives the same bytes each time, and what happens when its memory is not enough."""

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

    The thread count changes bytes, so it comes from the rule and is one everywhere. ``gpus`` is the resource
    ``needs_gpu`` of a profile: with 1, raises `LacunaError` where there is none, in place of days on a processor.
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
        return "cpu"  # one thread is deterministic; asking for it would cost a second of imports
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    return "cuda"


def device_of(model: "nn.Module") -> "torch.device":
    """Where a model's numbers are; the CPU for one that has none."""
    import torch

    return next((tensor.device for tensor in chain(model.parameters(), model.buffers())), torch.device("cpu"))


def near(images: "Tensor", device: str) -> "Tensor":
    """A dataset's images on the device where they fill at most a quarter of its free memory; else as they are.

    Whoever uses them moves each batch, so that this decides speed and no result.
    """
    import torch

    if device == "cuda" and images.nbytes <= torch.cuda.mem_get_info()[0] // 4:
        return images.to(device)
    return images


def in_batches(
    count: int, batch: int, work: Callable[[slice], T], say: Say, *, done: int = 0, fixed: bool = False
) -> Iterator[tuple[slice, T]]:
    """``work`` on one slice of ``count`` images after another, from ``done`` on: the slices and what came of them.

    Where the GPU runs out of memory, says so and goes on with half the batch: for work on which the batch decides
    nothing but rounding. Raises `LacunaError` where a single image is too much, or where the batch is ``fixed``.
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
    """What came of the work, or None where the GPU's memory was not enough, which is then free again."""
    import torch

    try:
        return (work(part),)
    except torch.OutOfMemoryError:
        pass
    torch.cuda.empty_cache()  # after the exception is gone, which holds on to what was computed
    return None
