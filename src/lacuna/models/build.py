"""Builds a network from the specification behind its name, and says where its masks stand."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.language.architectures import WHOLE
from lacuna.language.declared import resolve
from lacuna.language.models import ARCHITECTURES, PACKAGED, ModelSpec
from lacuna.models.blueprint import Blueprint
from lacuna.models.layers import Defect, Normalise, Shape, Site, draw_mask
from lacuna.models.packaged import packaged_network
from lacuna.models.pretrained import torchvision_network
from lacuna.models.regularisers import add_regularisers
from lacuna.models.thermometer import Thermometer
from lacuna.models.ties import names_covered, refuse_contradictions
from lacuna.numerics.seeding import derive


def build_model(
    spec: ModelSpec,
    image: Shape,
    classes: int,
    *,
    width: Fraction,
    mask_place: str,
    seed: int,
    mean: Tensor,
    std: Tensor,
    training: Mapping[str, Any] | None = None,
    stem: str = WHOLE,
) -> nn.Sequential:
    """The untrained network, from pixels (B, C, H, W) in [0, 1] to logits: normalisation, then the architecture.

    ``width`` multiplies every channel count (1 is the paper's). ``mask_place`` is one of
    `lacuna.language.architectures.MASK_PLACES`. ``seed`` is that of the configuration. Initial weights depend on the
    whole name. Masks depend on the architecture, the keep probabilities and the mask seed only, so that networks may
    share masks (Table 8).

    ``training`` is the definition of the training in the name. Its ``spatial_dropout`` and ``drop_block`` put layers
    into the network. Its ``thermometer``, a number of levels, is the first layer in place of the normalisation. With
    ``pretrained`` the network is torchvision's form of the architecture, without weights
    (`lacuna.models.pretrained`). A network that comes as a package has one form and one width. ``stem`` is one of
    `lacuna.language.architectures.STEMS`: after a whole stem the first block sees the image's side, after a quarter
    stem (released code, ImageNet) a quarter of it. Raises `LacunaError` for dropout in an architecture that has no
    place for it.
    """
    training = training or {}
    site = add_regularisers(mask_sites(spec, mask_place, seed), spec.arch, training)
    first: nn.Module = Normalise(mean, std)
    if levels := training.get("thermometer"):
        first, image = Thermometer(levels), (image[0] * levels, *image[1:])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "init", str(spec)))
        if spec.arch in PACKAGED:
            network = packaged_network(spec, image, classes)
        elif "pretrained" in training:
            network = torchvision_network(spec, image, classes, width)
        else:
            network = resolve(ARCHITECTURES[spec.arch].function)(Blueprint(spec, site, image, classes, width, stem))
    return nn.Sequential(first, network).to(memory_format=torch.channels_last)


def mask_sites(spec: ModelSpec, mask_place: str, seed: int) -> Site:
    """The function that puts a mask, or nothing, at each place of a network while that is built.

    The paper multiplies after the nonlinearity (Section 3.1), which in a residual block means after the addition. The
    released code masks after BN, before ReLU and before the addition. Paper and code also name different layers of
    DenseNet-121 and SENet-18 (appendix C of the paper). Each architecture states both.
    """
    keep = {place: Fraction(p) for place, p in spec.keep}
    masks = "+".join(f"{place}{p}" for place, p in spec.keep)
    known = ARCHITECTURES.get(spec.arch)
    kinds, bottom = (known.masks[mask_place], known.bottom) if known else ((), ())
    drawn = 0

    def site(block: int, kind: str, shape: Shape) -> nn.Module:
        nonlocal drawn
        below = next((name for name in ("sm", "nostem") if name in keep), "bottom")
        place = below if block in bottom else "top"
        if place not in keep or kind not in kinds or (place == "nostem" and block == 0):
            return nn.Identity()
        drawn += 1
        mask_seed = derive(seed, "mask", spec.arch, masks, spec.mask_seed or 0, drawn)
        return Defect(draw_mask(shape, keep[place], mask_seed, place == "sm"))

    return site


def mask_report(model: nn.Module) -> list[dict[str, object]]:
    """A line per layer with a mask: its shape, the neurons kept, and the share of positions without a live neuron."""
    rows: list[dict[str, object]] = []
    for name, module in model.named_modules():
        if isinstance(module, Defect):
            dead = (module.mask.sum(1) == 0).float().mean().item()
            shape = list(module.mask.shape[1:])
            rows.append(
                {"layer": name, "shape": shape, "kept": int(module.mask.sum()), "dead_positions": round(dead, 6)}
            )
    return rows


def parameter_count(model: nn.Module) -> int:
    """The number of trained parameters, without masks and statistics."""
    return sum(p.numel() for p in model.parameters())


def load_weights(model: nn.Module, tensors: dict[str, Tensor], path: str) -> None:
    """Copies a checkpoint into ``model``. Raises `LacunaError`, which names the first tensor that does not fit.

    Of tensors that share memory in the network, the checkpoint may leave out all but one that has the whole of it, as
    safetensors.torch.save_model does. Those that it has must agree.
    """
    expected = model.state_dict()
    for name in sorted((expected.keys() - names_covered(expected, tensors)) | tensors.keys()):
        ours, theirs = expected.get(name), tensors.get(name)
        if ours is None or theirs is None or ours.shape != theirs.shape or ours.dtype != theirs.dtype:
            raise LacunaError(f"{path}: tensor '{name}' does not fit the network; made with other settings?")
    for name, module in model.named_modules():
        if isinstance(module, Defect) and not _is_mask(tensors[f"{name}.mask"], module.mask):
            raise LacunaError(f"{path}: tensor '{name}.mask' is no mask of the network; made with other settings?")
    try:
        model.load_state_dict(tensors, strict=False)  # the names were compared above
    except RuntimeError as error:
        raise LacunaError(f"{path} cannot be copied into the network: {str(error).splitlines()[-1].strip()}") from None
    refuse_contradictions(model.state_dict(), tensors, path)


def _is_mask(found: Tensor, drawn: Tensor) -> bool:
    """Says whether a mask has as many zeros as the one drawn; a checkpoint may have zeros at other places."""
    return bool(((found == 0) | (found == 1)).all()) and bool(found.sum() == drawn.sum())
