"""The device, and arithmetic that gives the same bytes each time."""

import os
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


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
