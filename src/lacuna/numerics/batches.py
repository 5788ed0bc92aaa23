"""How many images a network takes at once where it runs on a processor: as many as keep its layers small."""

from typing import TYPE_CHECKING, Any

from lacuna.numerics.device import device_of
from lacuna.numerics.images import as_pixels

if TYPE_CHECKING:
    from torch import Tensor, nn

LARGEST = 32 * 2**20  # bytes; the allocator of glibc gives larger blocks back to the kernel, which clears each anew


def fitting_batch(model: "nn.Module | None", images: "Tensor", asked: int) -> int:
    """The batch for images uint8 (N, C, H, W): ``asked``, or fewer where a layer's output would pass `LARGEST`.

    Only on a processor; a GPU takes what was asked for. Where outputs are larger, half the processor's time goes to the
    kernel (docs/operations.md). The batch decides nothing but rounding.
    """
    if model is None or not len(images) or device_of(model).type != "cpu":
        return asked
    return max(1, min(asked, LARGEST // max(1, _largest_output(model, images[:2]))))


def _largest_output(model: "nn.Module", images: "Tensor") -> int:
    """Bytes for each image of the largest tensor that a module of the network gives for a few images."""
    import torch

    largest = [0]

    def note(module: "nn.Module", given: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor):
            largest.append(output.nbytes)

    hooks = [module.register_forward_hook(note) for module in model.modules()]
    try:
        with torch.no_grad():
            model(as_pixels(images))
    finally:
        for hook in hooks:
            hook.remove()
    return max(largest) // len(images)
