"""SENet-18: the layout of ResNet-18 with pre-activation squeeze-and-excitation blocks (released code)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.models.blueprint import MINIMUM_WIDTH, Blueprint
from lacuna.models.layers import Pointwise, Site, global_average, stem_pool, stem_sizes
from lacuna.models.resnet import conv_bn

REDUCTION = 16


class SqueezeExcite(nn.Module):
    """A pre-activation block. The shortcut of a block with a stride takes the input after BN, mask and ReLU.

    Masks stand after both BNs, before ReLU (kinds bn1, bn2).
    """

    FOLDABLE = (("conv1", "bn2"),)

    def __init__(
        self, site: Site, block: int, sizes: tuple[int, int], inputs: int, outputs: int, squeezed: int, stride: int
    ) -> None:
        super().__init__()
        before, after = sizes
        self.bn1 = nn.BatchNorm2d(inputs)
        self.mask1 = site(block, "bn1", (inputs, before, before))
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.mask2 = site(block, "bn2", (outputs, after, after))
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.squeeze = nn.Conv2d(outputs, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, outputs, 1)
        self.shortcut: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.shortcut = Pointwise(inputs, outputs, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        active = F.relu(self.mask1(self.bn1(x)), inplace=True)
        out = self.conv2(F.relu(self.mask2(self.bn2(self.conv1(active))), inplace=True))
        gate = self.excite(F.relu(self.squeeze(global_average(out)[:, :, None, None])))
        return out * torch.sigmoid(gate) + (x if self.shortcut is None else self.shortcut(active))


class SENet(nn.Module):
    """A stem and four stages of two blocks, without BN before the head. ``widths`` are the channels of the stages."""

    def __init__(self, site: Site, image: tuple[int, int, int], classes: int, widths: Sequence[int], stem: str) -> None:
        super().__init__()
        channels, side, _ = image
        masked, size = stem_sizes(stem, side)
        self.stem = conv_bn(channels, widths[0], 3, 1 if masked == side else 2)
        self.stem_mask = site(0, "stem", (widths[0], masked, masked))
        self.pool = stem_pool(stem)
        blocks: list[nn.Module] = []
        inputs = widths[0]
        for stage, width in enumerate(widths, start=1):
            for position in range(2):
                stride = 2 if stage > 1 and position == 0 else 1
                before, size = size, -(-size // stride)
                squeezed = max(MINIMUM_WIDTH, width // REDUCTION)
                blocks.append(SqueezeExcite(site, stage, (before, size), inputs, width, squeezed, stride))
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        out = self.pool(F.relu(self.stem_mask(self.stem(x)), inplace=True))
        return self.head(global_average(self.blocks(out)))


def senet18(asked: Blueprint) -> SENet:
    """SENet-18."""
    return SENet(asked.site, asked.image, asked.classes, asked.channels(64, 128, 256, 512), asked.stem)
