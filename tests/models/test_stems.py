"""The stem of networks for ImageNet: it quarters the image's sides; the networks behind it are the same."""

from collections import Counter
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from test_models import Weights, masked_activations, pixels, settled
from torch import Tensor, nn

from lacuna.attacks.core.folding import fold_batch_norm
from lacuna.language.architectures import MASK_PLACES, QUARTER
from lacuna.language.models import ARCHITECTURES, parse_model
from lacuna.models.build import build_model, mask_report, parameter_count
from lacuna.models.layers import stem_sizes

torch.set_num_threads(1)
LARGE, ODD = (3, 224, 224), (3, 75, 75)
STEMMED = [arch for arch, architecture in ARCHITECTURES.items() if architecture.stem]


def network(
    name: str, image: tuple[int, int, int], width: str = "1/16", place: str = "released_code", classes: int = 10
) -> nn.Sequential:
    """An untrained network with a quarter stem."""
    half = torch.full((image[0], 1, 1), 0.5)
    how = {"width": Fraction(width), "mask_place": place, "seed": 0, "mean": half, "std": half, "stem": QUARTER}
    return build_model(parse_model(name), image, classes, **how)


RELEASED: dict[str, list[Any]] = {  # bottom masks at 224 x 224: the released ResNet-18's, and theirs carried over
    "resnet18": [(64, 112, 112)] + [(64, 56, 56)] * 4 + [(128, 28, 28)] * 5,
    "resnet34": [(64, 112, 112)] + [(64, 56, 56)] * 6 + [(128, 28, 28)] * 9,
    "resnet50": [(64, 112, 112)] + [(64, 56, 56)] * 3 + [(128, 28, 28)] * 4,
    "densenet121": [(c, 56, 56) for c in range(64, 257, 32)] + [(c, 28, 28) for c in range(128, 513, 32)],
    "senet18": [(64, 56, 56)] * 5 + [(128, 28, 28)] * 3,
}
PAPER = {
    "resnet18": [(64, 112, 112)] + [(64, 56, 56)] * 4 + [(128, 28, 28)] * 4,
    "resnet50": RELEASED["resnet50"],
    "densenet121": [(64, 112, 112)] + [(32, 56, 56)] * 6 + [(32, 28, 28)] * 12,
    "senet18": [(64, 112, 112)] + RELEASED["senet18"],
}


@pytest.mark.parametrize(
    ("arch", "place", "expected"),
    [(arch, place, shapes) for place, found in zip(MASK_PLACES, (RELEASED, PAPER), strict=True)
     for arch, shapes in found.items()],
)  # fmt: skip
def test_bottom_masks_on_imagenet_stand_at_112_56_and_28(arch: str, place: str, expected: list[Any]) -> None:
    met = masked_activations(network(f"{arch}-bottom0.1-standard-s1m1", LARGE, "1", place), LARGE)
    assert Counter(shape for shape, _ in met) == Counter(expected)


def test_a_tenth_of_the_stems_neurons_lives_and_the_mask_stands_before_the_pooling() -> None:
    model = network("resnet18-bottom0.1-standard-s1m1", LARGE, "1")
    first = mask_report(model)[0]
    assert (first["layer"], first["shape"]) == ("1.stem_mask", [64, 112, 112])
    assert first["kept"] == 64 * 112 * 112 - int(Fraction(9, 10) * 64 * 112 * 112)
    order: list[str] = []
    for name in ("stem", "stem_mask", "pool", "blocks"):
        model[1].get_submodule(name).register_forward_hook(lambda *_, name=name: order.append(name))
    model.eval()(pixels(LARGE, 1))
    assert order == ["stem", "stem_mask", "pool", "blocks"]


@pytest.mark.parametrize(("side", "expected"), [(224, (112, 56)), (225, (113, 57)), (75, (38, 19)), (32, (16, 8))])
def test_sides_are_halved_twice_and_rounded_up(side: int, expected: tuple[int, int]) -> None:
    assert stem_sizes("quarter", side) == expected
    assert stem_sizes("whole", side) == (side, side)


@pytest.mark.parametrize("image", [(3, 32, 32), (1, 45, 45), ODD, (3, 96, 96)], ids=str)
@pytest.mark.parametrize("place", MASK_PLACES)
@pytest.mark.parametrize("arch", STEMMED)
def test_masks_fit_activations_of_every_size(arch: str, place: str, image: tuple[int, int, int]) -> None:
    model = network(f"{arch}-bottom0.5-standard-s0m1", image, place=place)
    logits = model(pixels(image, 2))
    F.cross_entropy(logits, torch.arange(2)).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


# The same function as torchvision's, but for the stem's kernel ---------------------------------------------------


def theirs_of(arch: str, classes: int) -> nn.Module:
    """torchvision's network with a kernel of 3 x 3 in its stem; its stride and its max-pooling stay."""
    from torchvision import models

    theirs: Any = getattr(models, arch)(num_classes=classes)
    stem = nn.Conv2d(3, 64, 3, 2, 1, bias=False)
    if arch == "densenet121":
        theirs.features.conv0 = stem
    else:
        theirs.conv1 = stem
    return theirs


def densenet_orders() -> list[Tensor]:
    """For each layer of DenseNet-121, and its last BN, where torchvision has the channels of our layer's input.

    Torchvision appends what a layer makes; ours puts it first.
    """
    orders: list[Tensor] = []
    width = 64
    for depth in (6, 12, 24, 16):
        ends = [0, width, *(width + 32 * (i + 1) for i in range(depth))]
        parts = [torch.arange(a, b) for a, b in pairwise(ends)]
        orders += [torch.cat(parts[: i + 1][::-1]) for i in range(depth + 1)]
        width = (width + 32 * depth) // 2
    return orders


def in_their_order(name: str, tensor: Tensor, orders: list[Tensor]) -> Tensor:
    """One of our DenseNet-121's tensors with its input channels where torchvision has them."""
    room, *rest = name.split(".")
    inputs = room in ("bn", "head") or rest[1:2] in (["bn"], ["conv"], ["bn1"], ["conv1"])
    if room == "stem" or not inputs or not tensor.dim() or name == "head.bias":
        return tensor
    order = orders[int(rest[0]) if room == "layers" else -1]
    return torch.empty_like(tensor).index_copy_(min(tensor.dim() - 1, 1), order, tensor)


def copied(ours: nn.Sequential, theirs: nn.Module, arch: str) -> None:
    """Gives torchvision's network our weights and statistics, layer by layer."""
    own = {name: t for name, t in ours[1].state_dict().items() if not name.endswith("mask")}
    if arch == "densenet121":
        own = {name: in_their_order(name, tensor, densenet_orders()) for name, tensor in own.items()}
    there = theirs.state_dict()
    assert [tuple(t.shape) for t in there.values()] == [tuple(t.shape) for t in own.values()]
    theirs.load_state_dict(dict(zip(there, own.values(), strict=True)))


@pytest.mark.parametrize(
    ("arch", "image"),
    [("resnet18", LARGE), ("resnet34", (3, 64, 64)), ("resnet50", LARGE), ("resnet50", ODD), ("densenet121", LARGE),
     ("densenet121", (3, 100, 100))],
)  # fmt: skip
def test_networks_whose_masks_are_all_ones_compute_what_torchvisions_do(arch: str, image: Any) -> None:
    model = settled(network(f"{arch}-bottom1-standard-s0m1", image, "1", classes=20), image)
    assert all(row["dead_positions"] == 0 for row in mask_report(model))
    theirs = theirs_of(arch, 20).eval()
    copied(model, theirs, arch)
    x = pixels(image, 2, 5)
    with torch.no_grad():
        logits, expected = model(x), theirs(model[0](x))
    assert logits.std(0).max() > 0.02
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-4)


COUNTS = {"resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032, "densenet121": 7_978_856}
SMALLER = 64 * 3 * (7 * 7 - 3 * 3)  # weights of a stem of 3 x 3


@pytest.mark.parametrize(("arch", "published"), COUNTS.items())
def test_parameters_are_those_published_for_imagenet_but_for_the_stems_kernel(arch: str, published: int) -> None:
    model = network(f"{arch}-standard-s0", LARGE, "1", classes=1000)
    assert parameter_count(model) == published - SMALLER


def test_senet18_computes_what_a_functional_reference_does() -> None:
    image = (3, 90, 90)
    model, x = settled(network("senet18-standard-s0", image, "1/8"), image).double(), pixels(image).double()
    w, out = Weights(model[1].state_dict()), model[0](x)
    out = F.max_pool2d(w.bn("stem.1", w.conv("stem.0", out, 2)).relu(), 3, 2, 1)
    for i in range(8):
        stride, block = 2 if i in (2, 4, 6) else 1, f"blocks.{i}"
        active = w.bn(f"{block}.bn1", out).relu()
        made = w.conv(f"{block}.conv2", w.bn(f"{block}.bn2", w.conv(f"{block}.conv1", active, stride)).relu())
        gate = w.conv(f"{block}.excite", w.conv(f"{block}.squeeze", made.mean((2, 3), keepdim=True)).relu()).sigmoid()
        out = made * gate + (w.conv(f"{block}.shortcut", active, 2) if stride == 2 else out)
    torch.testing.assert_close(model(x), w.head(out))


def test_vgg19_has_no_stem_and_pools_between_its_blocks() -> None:
    image, spec = (3, 64, 64), parse_model("vgg19-bottom0.5-standard-s0m1")
    half = torch.full((3, 1, 1), 0.5)
    how = {"width": Fraction(1, 16), "mask_place": "released_code", "seed": 0, "mean": half, "std": half}
    whole, quarter = (build_model(spec, image, 10, stem=stem, **how).eval() for stem in ("whole", "quarter"))
    assert torch.equal(whole(pixels(image)), quarter(pixels(image)))


# What follows from it -------------------------------------------------------------------------------------------


def saved_bytes(model: nn.Module, x: Tensor) -> int:
    """Bytes that a forward pass keeps for the backward one, without the parameters; each memory counts once."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        logits = model.train()(x)  # held, so that no memory is used twice
    assert logits.requires_grad
    return sum(kept.values())


@pytest.mark.parametrize("arch", STEMMED)
def test_a_training_step_keeps_a_tenth_of_the_memory(arch: str) -> None:
    image, half = (3, 64, 64), torch.full((3, 1, 1), 0.5)
    how = {"width": Fraction(1, 4), "mask_place": "released_code", "seed": 0, "mean": half, "std": half}
    model = build_model(parse_model(f"{arch}-standard-s0"), image, 10, **how)
    assert (
        saved_bytes(network(f"{arch}-standard-s0", image, "1/4"), pixels(image)) < saved_bytes(model, pixels(image)) / 9
    )


@pytest.mark.parametrize("arch", STEMMED)
def test_folding_batch_normalisation_changes_no_logit(arch: str) -> None:
    image = (3, 50, 50)
    model = settled(network(f"{arch}-bottom0.5-standard-s0m1", image), image).double()
    x = pixels(image).double()
    torch.testing.assert_close(fold_batch_norm(model)(x), model(x), rtol=1e-9, atol=1e-9)
