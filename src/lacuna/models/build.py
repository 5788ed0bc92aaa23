"""From a model's name to a network: widths, and which neurons are masked where."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.language.models import ARCHITECTURES, ModelSpec
from lacuna.models.densenet import DenseNet
from lacuna.models.layers import Defect, Normalise, Shape, Site, draw_mask
from lacuna.models.pretrained import torchvision_network
from lacuna.models.regularisers import regularised
from lacuna.models.resnet import ResNet, he_normal
from lacuna.models.senet import SENet
from lacuna.models.thermometer import Thermometer
from lacuna.models.vgg import VGG
from lacuna.numerics.seeding import derive

MINIMUM_WIDTH = 4

# Kinds of places that carry masks. The paper multiplies after the nonlinearity (Section 3.1), which in a
# residual block means after the addition; the released code masks after BN, before ReLU and before the
# addition. They also name different layers of DenseNet-121 and SENet-18 (papers' appendix C).
MASK_PLACES: dict[str, dict[str, frozenset[str]]] = {
    "released_code": {
        "resnet18": frozenset({"stem", "conv1", "conv2", "projection"}),
        "resnet34": frozenset({"stem", "conv1", "conv2", "projection"}),
        "resnet50": frozenset({"stem", "conv2"}),
        "densenet121": frozenset({"input", "transition"}),
        "senet18": frozenset({"bn1", "bn2"}),
        "vgg19": frozenset({"conv"}),
        "wrn32": frozenset({"stem", "conv1", "conv2"}),
    },
    "paper": {
        "resnet18": frozenset({"stem", "conv1", "sum"}),
        "resnet34": frozenset({"stem", "conv1", "sum"}),
        "resnet50": frozenset({"stem", "conv2"}),
        "densenet121": frozenset({"stem", "conv"}),
        "senet18": frozenset({"stem", "bn1", "bn2"}),
        "vgg19": frozenset({"conv"}),
        "wrn32": frozenset({"stem", "conv1", "sum"}),
    },
}
BOTTOM_BLOCKS = dict.fromkeys(ARCHITECTURES, frozenset({0, 1, 2})) | {"wrn32": frozenset({0, 1})}


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
) -> nn.Sequential:
    """The untrained network: normalisation, then the architecture. Takes pixels (B, C, H, W) in [0, 1], gives logits.

    ``width`` multiplies every channel count (1 is the paper's); ``mask_place`` is a key of `MASK_PLACES`;
    ``seed`` is the configuration's. Initial weights depend on the whole name, masks on the architecture, the
    keep probabilities and the mask seed only, so that networks may share masks (Table 8).

    ``training`` is the definition behind the name's training: ``spatial_dropout`` and ``drop_block`` put layers into
    the network, ``thermometer`` (a number of levels) is the first layer in place of the normalisation. Raises
    `LacunaError` for dropout in an architecture that has no place for it. ``pretrained`` takes the torchvision form of
    the architecture, without its weights (`lacuna.models.pretrained`).
    """
    training = training or {}
    site = mask_sites(spec, MASK_PLACES[mask_place][spec.arch], seed)
    site = regularised(site, spec.arch, training)
    first: nn.Module = Normalise(mean, std)
    if levels := training.get("thermometer"):
        first, image = Thermometer(levels), (image[0] * levels, *image[1:])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "init", str(spec)))
        if "pretrained" in training:
            network = torchvision_network(spec, image, classes, width)
        else:
            network = _network(spec, site, image, classes, width)
    return nn.Sequential(first, network).to(memory_format=torch.channels_last)


def mask_sites(spec: ModelSpec, kinds: frozenset[str], seed: int) -> Site:
    """The function that puts a mask, or nothing, at each place of the network as it is built."""
    keep = {place: Fraction(p) for place, p in spec.keep}
    masks = "+".join(f"{place}{p}" for place, p in spec.keep)
    bottom = BOTTOM_BLOCKS[spec.arch]
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


def _network(spec: ModelSpec, site: Site, image: Shape, classes: int, width: Fraction) -> nn.Module:
    def scaled(*channels: int | Fraction) -> list[int]:
        return [max(MINIMUM_WIDTH, round(c * width)) for c in channels]

    builders: dict[str, Callable[[], nn.Module]] = {
        "resnet18": lambda: _resnet18(spec, site, image, classes, scaled),
        "resnet34": lambda: ResNet(site, image, classes, scaled(64, 128, 256, 512), (3, 4, 6, 3)),
        "resnet50": lambda: ResNet(site, image, classes, scaled(64, 128, 256, 512), (3, 4, 6, 3), bottleneck=True),
        "densenet121": lambda: DenseNet(site, image, classes, *scaled(32)),
        "senet18": lambda: SENet(site, image, classes, scaled(64, 128, 256, 512), MINIMUM_WIDTH),
        "vgg19": lambda: VGG(site, image, classes, scaled(64, 128, 256, 512, 512)),
        "wrn32": lambda: _wrn32(site, image, classes, *scaled(16, 64, 128, 256)),
    }
    return builders[spec.arch]()


def _resnet18(spec: ModelSpec, site: Site, image: Shape, classes: int, scaled: Callable[..., list[int]]) -> ResNet:
    """ResNet-18 with the bottom widths of its variant: DC is thinner (rounded up), x2 twice as wide."""
    factor = 2 if spec.wide else Fraction(dict(spec.keep).get("dc", "1"))
    widths = scaled(ceil(64 * factor), ceil(128 * factor), 256, 512)
    extra = spec.wide or any(place == "dc" for place, _ in spec.keep)
    return ResNet(site, image, classes, widths, (2, 2, 2, 2), extra_projection=extra)


def _wrn32(site: Site, image: Shape, classes: int, stem: int, *widths: int) -> ResNet:
    """Three stages of five blocks; the convolutions' initial weights are He-normal in the fan-out (released code)."""
    network = ResNet(site, image, classes, widths, (5, 5, 5), stem=stem)
    he_normal(network)
    return network


def mask_report(model: nn.Module) -> list[dict[str, object]]:
    """One line per masked layer: shape, neurons kept, share of positions at which no channel has a live neuron."""
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
    """Number of trained parameters (masks and statistics not counted)."""
    return sum(p.numel() for p in model.parameters())


def load_weights(model: nn.Module, tensors: dict[str, Tensor], path: str) -> None:
    """Copies a checkpoint into ``model``; raises `LacunaError` naming the first entry that does not fit."""
    expected = model.state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        ours, theirs = expected.get(name), tensors.get(name)
        if ours is None or theirs is None or ours.shape != theirs.shape or ours.dtype != theirs.dtype:
            raise LacunaError(f"{path}: tensor '{name}' does not fit the network; made with other settings?")
    for name, module in model.named_modules():
        if isinstance(module, Defect) and not _is_mask(tensors[f"{name}.mask"], module.mask):
            raise LacunaError(f"{path}: tensor '{name}.mask' is no mask of the network; made with other settings?")
    model.load_state_dict(tensors)


def _is_mask(found: Tensor, drawn: Tensor) -> bool:
    """Zeros and ones, as many as drawn; which they are may differ, since a checkpoint carries its own masks."""
    return bool(((found == 0) | (found == 1)).all()) and bool(found.sum() == drawn.sum())
