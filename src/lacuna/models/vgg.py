"""VGG-19 with batch normalisation and one fully connected layer (released code)."""

from collections.abc import Sequence

from torch import Tensor, nn

from lacuna.models.blueprint import Blueprint
from lacuna.models.layers import Site, global_average

CONVOLUTIONS = (2, 2, 4, 4, 4)


class VGG(nn.Module):
    """Five groups of 3 x 3 convolutions with bias. Max-pooling closes a group while the map is larger than one pixel.

    Groups are blocks 1 to 5. Masks stand after each BN, before ReLU (kind conv).
    """

    def __init__(self, site: Site, image: tuple[int, int, int], classes: int, widths: Sequence[int]) -> None:
        super().__init__()
        inputs, size, _ = image
        self.groups = nn.ModuleList()
        for block, (width, count) in enumerate(zip(widths, CONVOLUTIONS, strict=True), start=1):
            layers: list[nn.Module] = []
            for _ in range(count):
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width)]
                layers += [site(block, "conv", (width, size, size)), nn.ReLU(inplace=True)]
                inputs = width
            if size > 1:
                layers.append(nn.MaxPool2d(2))
            size = max(1, size // 2)
            self.groups.append(nn.Sequential(*layers))
        self.head = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        for group in self.groups:
            x = group(x)
        return self.head(global_average(x))


def vgg19(asked: Blueprint) -> VGG:
    """VGG-19."""
    return VGG(asked.site, asked.image, asked.classes, asked.channels(64, 128, 256, 512, 512))
