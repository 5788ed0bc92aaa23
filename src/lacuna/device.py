"""The device, and arithmetic that gives the same bytes each time."""

import os


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
