"""Layers that networks share: normalisation, neuron masks, and the places where masks may stand."""

from collections.abc import Callable
from fractions import Fraction
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.language.architectures import QUARTER

Shape = tuple[int, int, int]
# site(block, kind, shape) -> the mask that stands there, or nn.Identity.
Site = Callable[[int, str, Shape], nn.Module]


def draw_mask(shape: Shape, keep: Fraction, seed: int, same_for_channels: bool = False) -> Tensor:
    """A fixed binary mask, float (1, C, H, W), with exactly floor((1 - keep) * neurons) zeros.

    The zeros are drawn without replacement from the whole C x H x W volume (released code). With ``same_for_channels``
    one H x W mask serves all channels (variant SM).
    """
    drawn = (1, *shape[1:]) if same_for_channels else shape
    neurons = prod(drawn)
    generator = torch.Generator().manual_seed(seed)
    mask = torch.ones(neurons)
    mask[torch.randperm(neurons, generator=generator)[: int((1 - keep) * neurons)]] = 0
    return mask.view(1, *drawn).expand(1, *shape).contiguous(memory_format=torch.channels_last)


class Defect(nn.Module):
    """Defective neurons: multiplies by a fixed binary mask, in training and in evaluation, without rescaling.

    The mask is a buffer, so that it stands in checkpoints. Source: Defective CNN, Section 3.1.
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        """Multiplies activations (B, C, H, W) by the mask. Raises ValueError for another resolution than the mask's."""
        if x.shape[1:] != self.mask.shape[1:]:
            raise ValueError(f"mask is for {tuple(self.mask.shape[1:])}, activation is {tuple(x.shape[1:])}")
        return x * self.mask


class Normalise(nn.Module):
    """The first layer of networks: maps pixels in [0, 1] to (x - mean) / std, so that epsilon is in pixel units.

    ``mean`` and ``std`` are per channel, (C, 1, 1), or per pixel, (C, H, W), for the paper's mean image.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


class Pointwise(nn.Conv2d):
    """A 1 x 1 convolution that slices its input in place of a stride, which is the same function.

    On processors without AVX-512 the weight gradient of a 1 x 1 convolution with a stride and fewer than eight input
    channels writes out of bounds (oneDNN issue 6035). Narrow networks have such convolutions.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 1, stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride), rounded up."""
        step = self.stride[0]
        return F.conv2d(x[:, :, ::step, ::step], self.weight, self.bias)


def stem_sizes(stem: str, size: int) -> tuple[int, int]:
    """Sides of the map after the stem's convolution, where its mask stands, and before the first block.

    A whole stem keeps the image's ``size``. A quarter stem, for ImageNet, halves it twice, rounded up: 224, 112, 56.
    """
    if stem != QUARTER:
        return size, size
    half = -(-size // 2)
    return half, -(-half // 2)


def stem_pool(stem: str) -> nn.Module:
    """What stands between a stem and the first block: max-pooling 3 x 3 of stride 2 in a quarter stem, else nothing."""
    return nn.MaxPool2d(3, 2, 1) if stem == QUARTER else nn.Identity()


def global_average(x: Tensor) -> Tensor:
    """The mean over the whole map, (B, C, H, W) to (B, C). Unlike pooling, its gradient is deterministic on CUDA."""
    return x.mean((2, 3))
