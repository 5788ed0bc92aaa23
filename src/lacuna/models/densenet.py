"""DenseNet-121: 3 x 3 stem, compression 0.5, bottleneck 4 x growth (released code)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.language.architectures import WHOLE
from lacuna.models.blueprint import Blueprint
from lacuna.models.layers import Site, global_average, stem_pool, stem_sizes
from lacuna.models.resnet import conv_bn

DEPTHS = (6, 12, 24, 16)


class Dense(nn.Module):
    """BN-ReLU-conv 1 x 1, BN-ReLU-conv 3 x 3; the channels of the result come before those of the input.

    Masks may stand after the first BN (kind input) and on the output of the 3 x 3 convolution (kind conv).
    """

    FOLDABLE = (("conv1", "bn2"),)

    def __init__(self, site: Site, block: int, size: int, inputs: int, growth: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.mask1 = site(block, "input", (inputs, size, size))
        self.conv1 = nn.Conv2d(inputs, 4 * growth, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)
        self.mask2 = site(block, "conv", (growth, size, size))

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(F.relu(self.mask1(self.bn1(x)), inplace=True))
        out = self.mask2(self.conv2(F.relu(self.bn2(out), inplace=True)))
        return torch.cat([out, x], 1)


class Transition(nn.Module):
    """BN-ReLU-conv 1 x 1 to half the channels, then average pooling; the mask stands after the BN."""

    def __init__(self, site: Site, block: int, size: int, inputs: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(inputs)
        self.mask = site(block, "transition", (inputs, size, size))
        self.conv = nn.Conv2d(inputs, inputs // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.conv(F.relu(self.mask(self.bn(x)), inplace=True)), 2)


class DenseNet(nn.Module):
    """A stem of 2 x growth channels, and four dense blocks (numbers 1 to 4) with transitions between them.

    A whole stem is a convolution alone (released code). A quarter stem is convolution, BN, ReLU and max-pooling, as in
    torchvision's network.
    """

    def __init__(self, site: Site, image: tuple[int, int, int], classes: int, growth: int, stem: str) -> None:
        super().__init__()
        channels, side, _ = image
        width = 2 * growth
        masked, size = stem_sizes(stem, side)
        alone = stem == WHOLE
        self.stem = nn.Conv2d(channels, width, 3, 1, 1, bias=False) if alone else conv_bn(channels, width, 3, 2)
        self.stem_mask = site(0, "stem", (width, masked, masked))
        self.pool = nn.Identity() if alone else nn.Sequential(nn.ReLU(inplace=True), stem_pool(stem))
        layers: list[nn.Module] = []
        for block, depth in enumerate(DEPTHS, start=1):
            layers += [Dense(site, block, size, width + i * growth, growth) for i in range(depth)]
            width += depth * growth
            if block < len(DEPTHS):
                layers.append(Transition(site, block, size, width))
                width, size = width // 2, size // 2
        self.layers = nn.Sequential(*layers)
        self.bn = nn.BatchNorm2d(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        out = self.layers(self.pool(self.stem_mask(self.stem(x))))
        return self.head(global_average(F.relu(self.bn(out), inplace=True)))


def densenet121(asked: Blueprint) -> DenseNet:
    """DenseNet-121 of growth 32 at full width."""
    (growth,) = asked.channels(32)
    return DenseNet(asked.site, asked.image, asked.classes, growth, asked.stem)
