"""ResNets with a stem of 3 x 3, and stride 2 at each stage after the first (released code).

ResNet-18, ResNet-34 and ResNet-50 have four stages. "WRN-32-4" is the post-activation ResNet-32 of CIFAR, four times
as wide.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil

import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.language.architectures import WHOLE
from lacuna.models.blueprint import Blueprint
from lacuna.models.layers import Pointwise, Site, global_average, stem_pool, stem_sizes


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, between: nn.Module | None = None) -> nn.Sequential:
    """A convolution without bias, then ``between`` if there is one, then batch normalisation."""
    if kernel == 1:
        conv: nn.Module = Pointwise(inputs, outputs, stride, bias=False)
    else:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    if between is None or isinstance(between, nn.Identity):
        return nn.Sequential(conv, nn.BatchNorm2d(outputs))
    return nn.Sequential(conv, between, nn.BatchNorm2d(outputs))


def draw_he_normal(model: nn.Module) -> None:
    """Draws every convolution's weights anew from a normal distribution of variance 2 / fan-out."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class Residual(nn.Module):
    """A residual block: a chain of conv-BN-ReLU plus the shortcut, then ReLU.

    Masks may stand after each BN of the chain (kinds conv1, conv2, ...), on the projection, and on the activation after
    the addition (kind sum). Regularisers may also stand before a BN (kinds before_bn1, ...).
    """

    def __init__(
        self,
        site: Site,
        block: int,
        sizes: tuple[int, int],  # sides of the map before and after the stride
        inputs: int,
        chain: Sequence[tuple[int, int]],  # (output channels, kernel)
        strided: int,  # index in the chain of the convolution that carries the stride
        stride: int,
        extra_projection: bool,
    ) -> None:
        super().__init__()
        before, size = sizes
        widths = [inputs, *(width for width, _ in chain)]
        self.convs, self.masks = nn.ModuleList(), nn.ModuleList()
        for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
            side = before if i < strided else size
            between = site(block, f"before_bn{i + 1}", (fan_out, side, side))
            self.convs.append(conv_bn(fan_in, fan_out, chain[i][1], stride if i == strided else 1, between))
            self.masks.append(site(block, f"conv{i + 1}", (fan_out, side, side)))
        shape = (widths[-1], size, size)
        self.projection: nn.Module = nn.Identity()
        self.projection_mask: nn.Module = nn.Identity()
        if stride != 1 or inputs != widths[-1] or extra_projection:
            self.projection = conv_bn(inputs, widths[-1], 1, stride)
            self.projection_mask = site(block, "extra" if extra_projection else "projection", shape)
        self.sum_mask = site(block, "sum", shape)

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for i, (conv, mask) in enumerate(zip(self.convs, self.masks, strict=True)):
            out = mask(conv(out if i == 0 else F.relu(out, inplace=True)))
        out += self.projection_mask(self.projection(x))  # in place: no gradient needs the parts of the sum
        return self.sum_mask(F.relu(out, inplace=True))


class ResNet(nn.Module):
    """A stem and stages. ``widths`` are the base channels of the stages; the stem has ``first``, or the first width.

    ``stem`` is one of `lacuna.language.architectures.STEMS`. The mask of the stem stands before its pooling.
    """

    def __init__(
        self,
        site: Site,
        image: tuple[int, int, int],
        classes: int,
        widths: Sequence[int],
        depths: Sequence[int],
        bottleneck: bool = False,
        extra_projection: bool = False,
        first: int | None = None,
        stem: str = WHOLE,
    ) -> None:
        super().__init__()
        channels, side, _ = image
        inputs = widths[0] if first is None else first
        masked, size = stem_sizes(stem, side)
        self.stem = conv_bn(channels, inputs, 3, 1 if masked == side else 2)
        self.stem_mask = site(0, "stem", (inputs, masked, masked))
        self.pool = stem_pool(stem)
        blocks: list[nn.Module] = []
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
            chain = [(width, 1), (width, 3), (4 * width, 1)] if bottleneck else [(width, 3), (width, 3)]
            for position in range(depth):
                stride = 2 if stage > 1 and position == 0 else 1
                before, size = size, -(-size // stride)
                extra = extra_projection and stage == 1 and position == 0
                blocks.append(Residual(site, stage, (before, size), inputs, chain, int(bottleneck), stride, extra))
                inputs = chain[-1][0]
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        out = self.pool(F.relu(self.stem_mask(self.stem(x)), inplace=True))
        return self.head(global_average(self.blocks(out)))


def resnet18(asked: Blueprint) -> ResNet:
    """ResNet-18 with the bottom widths of its variant: dc is thinner (rounded up), x2 is twice as wide."""
    factor = 2 if asked.spec.wide else Fraction(dict(asked.spec.keep).get("dc", "1"))
    widths = asked.channels(ceil(64 * factor), ceil(128 * factor), 256, 512)
    extra = asked.spec.wide or any(place == "dc" for place, _ in asked.spec.keep)
    body = asked.site, asked.image, asked.classes, widths, (2, 2, 2, 2)
    return ResNet(*body, extra_projection=extra, stem=asked.stem)


def resnet34(asked: Blueprint) -> ResNet:
    """ResNet-34."""
    widths = asked.channels(64, 128, 256, 512)
    return ResNet(asked.site, asked.image, asked.classes, widths, (3, 4, 6, 3), stem=asked.stem)


def resnet50(asked: Blueprint) -> ResNet:
    """ResNet-50, of blocks with a bottleneck."""
    widths = asked.channels(64, 128, 256, 512)
    return ResNet(asked.site, asked.image, asked.classes, widths, (3, 4, 6, 3), bottleneck=True, stem=asked.stem)


def wrn32(asked: Blueprint) -> ResNet:
    """Three stages of five blocks. The initial weights of convolutions are He-normal in the fan-out (released code)."""
    first, *widths = asked.channels(16, 64, 128, 256)
    network = ResNet(asked.site, asked.image, asked.classes, widths, (5, 5, 5), first=first, stem=asked.stem)
    draw_he_normal(network)
    return network
