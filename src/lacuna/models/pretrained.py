"""Networks that start from torchvision's weights for ImageNet, with its stem and a new last layer."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.language.models import ARCHITECTURES, ModelSpec
from lacuna.models.layers import Shape


def torchvision_network(spec: ModelSpec, image: Shape, classes: int, width: Fraction) -> nn.Module:
    """The architecture in torchvision's form (7 x 7 stem of stride 2, max-pooling), without weights.

    Raises `LacunaError` for grey images and for another width, which no published weights fit.
    """
    from torchvision.models import get_model

    if image[0] != 3 or width != 1:
        raise LacunaError(
            f"{spec}: trained weights fit 3 channels and width 1, not {image[0]} and {width}; allowed: no pretrained"
        )
    return get_model(spec.arch, weights=None, num_classes=classes)


def load_start(network: nn.Module, arch: str, training: Mapping[str, Any]) -> str:
    """Gives a network the weights with which its training begins, and says in words which these are.

    ``arch`` is one of `lacuna.language.models.PUBLISHED_NETWORKS`.
    """
    weights, head = training.get("pretrained"), training.get("head")
    if not weights:
        return "from scratch, a 3 x 3 convolution first"
    load_imagenet(network, arch, weights, head)
    return f"{weights} of torchvision, {'as published' if head else 'a new last layer'}"


def load_imagenet(network: nn.Module, arch: str, weights: str, head: str | None = None) -> None:
    """Gives a `torchvision_network` the published weights of a name, but for its last layer, which stays new.

    With ``head`` kept the last layer is the published one too, for the thousand classes of ImageNet. Where the weights
    cannot be had, the function raises `LacunaError`, which says which file to put where.
    """
    from torchvision.models import get_weight

    published = get_weight(f"{ARCHITECTURES[arch].published}.{weights}")
    try:
        tensors = published.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError, ValueError) as error:
        name, folder = published.url.rpartition("/")[2], f"{torch.hub.get_dir()}/checkpoints"
        raise LacunaError(
            f"the weights {weights} of {arch} cannot be loaded ({type(error).__name__}); put {name} of torchvision in "
            f"{folder}, or leave out pretrained: then it is trained from scratch"
        ) from None
    if head == "kept":
        _load_whole(network, arch, weights, tensors)
        return
    kept = {key: tensor for key, tensor in tensors.items() if not key.startswith("fc.")}
    loaded = network.load_state_dict(kept, strict=False)
    assert (loaded.missing_keys, loaded.unexpected_keys) == (["fc.weight", "fc.bias"], [])


def _load_whole(network: nn.Module, arch: str, weights: str, tensors: dict[str, Tensor]) -> None:
    classes = network.get_parameter("fc.weight").shape[0]
    if len(tensors["fc.bias"]) != classes:
        raise LacunaError(
            f"the last layer of {weights} of {arch} has {len(tensors['fc.bias'])} classes, not {classes}; "
            "allowed: head kept for ImageNet only"
        )
    network.load_state_dict(tensors)
