"""Networks that start from weights for ImageNet: torchvision's, with its stem, and those that come as packages."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.files.artefacts import sha256
from lacuna.language.models import ARCHITECTURES, PACKAGED, ModelSpec
from lacuna.language.packages import PACKAGE
from lacuna.models.layers import Shape
from lacuna.models.packaged import packaged_weights

LAST_LAYERS = ("fc", "_fc")  # names of the last layer: torchvision's ResNets, EfficientNet-Lite


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


def load_start(
    network: nn.Module, arch: str, training: Mapping[str, Any], indices: Sequence[int] | None = None
) -> dict[str, str]:
    """Gives a network the weights with which its training begins.

    ``arch`` is one of `lacuna.language.models.STARTED_NETWORKS`, ``indices`` are those of `load_imagenet`. The result
    says under ``start`` in words which weights these are. Of a package's it has the sha256 too.
    """
    weights, head = training.get("pretrained"), training.get("head")
    if not weights:
        return {"start": "from scratch" if arch in PACKAGED else "from scratch, a 3 x 3 convolution first"}
    load_imagenet(network, arch, weights, head, indices)
    last = "as published" if head else "a new last layer"
    if weights != PACKAGE:
        return {"start": f"{weights} of torchvision, {last}"}
    return {"start": f"weights of {PACKAGED[arch].distribution}, {last}", "weights": sha256(PACKAGED[arch].path())}


def load_imagenet(
    network: nn.Module, arch: str, weights: str, head: str | None = None, indices: Sequence[int] | None = None
) -> None:
    """Gives a network published weights, but for its last layer, which stays new.

    With ``head`` kept the last layer is the published one too, for the thousand classes of ImageNet. Of a dataset with
    some of these classes ``indices`` has the index of each. Their logits come first, in the dataset's order; those of
    the other classes follow in ImageNet's order. So an answer outside the dataset's classes is no label of it, and
    counts as wrong. Raises `LacunaError` where the weights cannot be had, are not the published ones or do not fit.
    """
    tensors = packaged_weights(arch) if weights == PACKAGE else _of_torchvision(arch, weights)
    last = next(name for name in LAST_LAYERS if f"{name}.weight" in tensors)
    names = [f"{last}.weight", f"{last}.bias"]
    if head == "kept":
        _refuse_other_classes(network, arch, weights, tensors, last)
        order = _order(len(tensors[names[1]]), indices or ())
        network.load_state_dict({**tensors, **{name: tensors[name][order] for name in names}})
        return
    loaded = network.load_state_dict({k: tensor for k, tensor in tensors.items() if k not in names}, strict=False)
    assert (loaded.missing_keys, loaded.unexpected_keys) == (names, [])


def _order(classes: int, first: Sequence[int]) -> list[int]:
    """All ``classes`` indices, the ``first`` ones before the others."""
    chosen = set(first)
    return [*first, *(index for index in range(classes) if index not in chosen)]


def _of_torchvision(arch: str, weights: str) -> dict[str, Tensor]:
    from torchvision.models import get_weight

    published = get_weight(f"{ARCHITECTURES[arch].published}.{weights}")
    try:
        return dict(published.get_state_dict(progress=False, check_hash=True))
    except (OSError, RuntimeError, ValueError) as error:
        name, folder = published.url.rpartition("/")[2], f"{torch.hub.get_dir()}/checkpoints"
        raise LacunaError(
            f"the weights {weights} of {arch} cannot be loaded ({type(error).__name__}); put {name} of torchvision in "
            f"{folder}, or leave out pretrained: then it is trained from scratch"
        ) from None


def _refuse_other_classes(
    network: nn.Module, arch: str, weights: str, tensors: Mapping[str, Tensor], last: str
) -> None:
    classes, published = len(network.get_parameter(f"{last}.bias")), len(tensors[f"{last}.bias"])
    if classes != published:
        raise LacunaError(
            f"the last layer of {weights} of {arch} has {published} classes, not {classes}; "
            "allowed: head kept for ImageNet only"
        )
