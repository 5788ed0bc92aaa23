"""Labels of images that nobody labelled: what a network with ImageNet's weights says of them."""

import torch
from torch import Tensor

from lacuna.data.classes import IMAGENET_CLASSES
from lacuna.language.models import PACKAGED, ModelSpec
from lacuna.models.packaged import packaged_network, packaged_weights


@torch.no_grad()
def answers(arch: str, images: Tensor) -> Tensor:
    """The classes int64 (N,), 0 to 999, that a network of `lacuna.language.models.PACKAGED` gives to images.

    Images are uint8 (N, 3, S, S). One image is asked at a time, so that no answer depends on the others. Raises
    `LacunaError` where the package or its weights are not there.
    """
    package, weights = PACKAGED[arch], packaged_weights(arch)
    _, channels, height, width = images.shape
    network = packaged_network(ModelSpec(arch, "published", 0), (channels, height, width), IMAGENET_CLASSES)
    network.load_state_dict(weights)
    network.eval()
    normalised = ((image[None].float() / 255 - package.mean) / package.std for image in images)
    return torch.cat([network(one).argmax(1) for one in normalised])
