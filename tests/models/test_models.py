"""The networks: size, function, and which neurons are masked where."""

from collections import Counter
from fractions import Fraction
from itertools import combinations
from math import floor, prod
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.files.artefacts import Record, write_tensors
from lacuna.language.architectures import MASK_PLACES
from lacuna.language.models import ARCHITECTURES, parse_model
from lacuna.models.build import build_model, load_weights, parameter_count
from lacuna.models.layers import Defect, draw_mask
from lacuna.models.networks import trained_network

torch.set_num_threads(1)
Shape = tuple[int, int, int]
COLOUR, SMALL, GREY = (3, 32, 32), (3, 16, 16), (1, 28, 28)


def network(
    name: str, image: Shape = COLOUR, width: str = "1/16", place: str = "released_code", seed: int = 0
) -> nn.Sequential:
    """An untrained network whose normalisation is not the identity."""
    mean, std = (torch.linspace(low, 0.5, image[0]).view(-1, 1, 1) for low in (0.3, 0.2))
    spec = parse_model(name)
    return build_model(spec, image, 10, width=Fraction(width), mask_place=place, seed=seed, mean=mean, std=std)


def pixels(image: Shape, count: int = 4, seed: int = 0) -> Tensor:
    return torch.rand(count, *image, generator=torch.Generator().manual_seed(seed))


def settled(model: nn.Sequential, image: Shape = COLOUR) -> nn.Sequential:
    """The network in evaluation mode with a batch's statistics and random scales, so that signals reach the end."""
    generator = torch.Generator().manual_seed(1)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = 1.0
            norm.weight.data.copy_(0.7 + 0.6 * torch.rand(norm.weight.shape, generator=generator))
            norm.bias.data.copy_(0.6 * torch.rand(norm.bias.shape, generator=generator) - 0.3)
    with torch.no_grad():
        model.train()(pixels(image, 8, 1))
    return model.eval()


def defects(model: nn.Module) -> list[Tensor]:
    return [module.mask for module in model.modules() if isinstance(module, Defect)]


def shapes(model: nn.Module) -> Counter[Any]:
    return Counter(tuple(mask.shape[1:]) for mask in defects(model))


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_parameter_counts_at_full_width_are_those_that_architectures_state(arch: str) -> None:
    for name in (f"{arch}-standard-s0", f"{arch}-bottom0.5-standard-s0m1"):
        model = network(name, width="1")
        assert parameter_count(model) == sum(p.numel() for p in model.parameters()) == ARCHITECTURES[arch].parameters


class Weights(NamedTuple):
    """Functional layers that read a state dict by name."""

    tensors: dict[str, Tensor]

    def bn(self, name: str, x: Tensor) -> Tensor:
        kinds = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(self.tensors[f"{name}.{kind}"] for kind in kinds))

    def conv(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = self.tensors[f"{name}.weight"]
        return F.conv2d(x, weight, self.tensors.get(f"{name}.bias"), stride, weight.shape[2] // 2)

    def head(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)) @ self.tensors["head.weight"].T + self.tensors["head.bias"]


def reference_senet(w: Weights, x: Tensor) -> Tensor:
    x = w.bn("stem.1", w.conv("stem.0", x)).relu()
    for i in range(8):
        stride, block = 2 if i in (2, 4, 6) else 1, f"blocks.{i}"
        active = w.bn(f"{block}.bn1", x).relu()
        out = w.conv(f"{block}.conv2", w.bn(f"{block}.bn2", w.conv(f"{block}.conv1", active, stride)).relu())
        squeezed = w.conv(f"{block}.squeeze", out.mean((2, 3), keepdim=True)).relu()
        shortcut = w.conv(f"{block}.shortcut", active, 2) if stride == 2 else x
        x = out * w.conv(f"{block}.excite", squeezed).sigmoid() + shortcut
    return w.head(x)


def reference_densenet(w: Weights, x: Tensor) -> Tensor:
    x, position = w.conv("stem", x), 0
    for depth in (6, 12, 24, 16):
        for i in range(position, position + depth):
            out = w.conv(f"layers.{i}.conv1", w.bn(f"layers.{i}.bn1", x).relu())
            x = torch.cat([w.conv(f"layers.{i}.conv2", w.bn(f"layers.{i}.bn2", out).relu()), x], 1)
        position += depth + 1
        if depth != 16:
            transition = f"layers.{position - 1}"
            x = F.avg_pool2d(w.conv(f"{transition}.conv", w.bn(f"{transition}.bn", x).relu()), 2)
    return w.head(w.bn("bn", x).relu())


@pytest.mark.parametrize("arch", ["resnet18", "resnet34", "resnet50", "vgg19_bn"])
def test_standard_networks_compute_what_torchvisions_do_with_stem_and_head_for_small_images(arch: str) -> None:
    from torchvision import models

    model, theirs = settled(network(f"{arch.split('_')[0]}-standard-s0", width="1")), getattr(models, arch)()
    if arch == "vgg19_bn":
        theirs.avgpool, theirs.classifier = nn.Identity(), nn.Linear(512, 10)
    else:
        theirs.conv1, theirs.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
        theirs.fc = nn.Linear(theirs.fc.in_features, 10)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), model[1].state_dict().values(), strict=True)))
    with torch.no_grad():
        logits, expected = model(pixels(COLOUR)), theirs.eval()(model[0](pixels(COLOUR)))
    assert logits.std(0).max() > 0.02
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("image", [COLOUR, GREY], ids=str)
@pytest.mark.parametrize(("arch", "reference"), [("senet18", reference_senet), ("densenet121", reference_densenet)])
def test_standard_networks_compute_what_a_functional_reference_does(arch: str, reference: Any, image: Shape) -> None:
    model, x = settled(network(f"{arch}-standard-s0", image, "1/8"), image).double(), pixels(image).double()
    with torch.no_grad():
        logits, expected = model(x), reference(Weights(model[1].state_dict()), model[0](x))
    assert logits.std(0).max() > 0.02
    torch.testing.assert_close(logits, expected)


@pytest.mark.parametrize("width", ["1/8", "1/4"])
@pytest.mark.parametrize("image", [COLOUR, GREY], ids=str)
@pytest.mark.parametrize("keep", ["", "-bottom0.5", "-sm0.7"])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_parameter_gets_a_finite_gradient(arch: str, keep: str, image: Shape, width: str) -> None:
    model = network(f"{arch}{keep}-standard-s0{'m1' if keep else ''}", image, width)
    logits = model(pixels(image, 6))
    assert logits.shape == (6, 10)
    assert logits.isfinite().all()
    F.cross_entropy(logits, torch.arange(6)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        gate = "squeeze" in name or "excite" in name  # four squeezed neurons may all be off
        assert parameter.dim() == 1 or gate or parameter.grad.any(), name


@pytest.mark.parametrize("shape", [(3, 1, 1), SMALL], ids=str)
def test_the_first_layer_normalises_pixels(shape: Shape) -> None:
    mean, std = pixels(shape, 1, 3)[0], pixels(shape, 1, 4)[0] + 0.1
    spec = parse_model("resnet18-standard-s0")
    model = build_model(spec, SMALL, 10, width=Fraction(1, 16), mask_place="paper", seed=0, mean=mean, std=std)
    x = pixels(SMALL)
    assert torch.equal(model.eval()(x), model[1]((x - mean) / std))
    assert {"0.mean", "0.std"} <= model.state_dict().keys()


RELEASED: dict[str, list[Shape]] = {  # bottom masks of the released code at 32 x 32 (FACTS A2)
    "resnet18": [(64, 32, 32)] * 5 + [(128, 16, 16)] * 5,
    "resnet34": [(64, 32, 32)] * 7 + [(128, 16, 16)] * 9,
    "resnet50": [(64, 32, 32)] * 4 + [(128, 16, 16)] * 4,
    "densenet121": [(c, 32, 32) for c in range(64, 257, 32)] + [(c, 16, 16) for c in range(128, 513, 32)],
    "senet18": [(64, 32, 32)] * 5 + [(128, 16, 16)] * 3,
    "vgg19": [(64, 32, 32)] * 2 + [(128, 16, 16)] * 2,
    "wrn32": [(16, 32, 32)] + [(64, 32, 32)] * 10,
}
PAPER: dict[str, list[Shape]] = RELEASED | {  # after the addition; DenseNet's 3 x 3 convolutions; SENet's stem too
    "resnet18": [(64, 32, 32)] * 5 + [(128, 16, 16)] * 4,
    "resnet34": [(64, 32, 32)] * 7 + [(128, 16, 16)] * 8,
    "densenet121": [(64, 32, 32)] + [(32, 32, 32)] * 6 + [(32, 16, 16)] * 12,
    "senet18": [(64, 32, 32)] * 6 + [(128, 16, 16)] * 3,
}
TOP: list[Shape] = [(256, 8, 8)] * 5 + [(512, 4, 4)] * 5


def masked_activations(model: nn.Sequential, image: Shape) -> list[tuple[Shape, str]]:
    """Shape of each masked activation as a forward pass meets it, and the kind of layer it came out of."""
    made: list[tuple[Tensor, str]] = []
    met: list[Any] = []

    def after_mask(module: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        met.append((tuple(inputs[0].shape[1:]), next((kind for t, kind in made if t is inputs[0]), "sum")))
        assert torch.equal(output, inputs[0] * module.mask)

    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.Conv2d):
            module.register_forward_hook(lambda module, _, output: made.append((output, type(module).__name__)))
        elif isinstance(module, Defect):
            module.register_forward_hook(after_mask)
    with torch.no_grad():
        model.eval()(pixels(image, 1))
    return met


@pytest.mark.parametrize("image", [COLOUR, GREY], ids=str)
@pytest.mark.parametrize(("place", "expected"), [("released_code", RELEASED), ("paper", PAPER)])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_bottom_masks_stand_where_the_source_puts_them(arch: str, place: str, expected: Any, image: Shape) -> None:
    met = masked_activations(network(f"{arch}-bottom0.5-standard-s0m1", image, "1", place), image)
    scale = Fraction(image[1], 32)
    assert Counter(shape for shape, _ in met) == Counter((c, h * scale, w * scale) for c, h, w in expected[arch])
    # Sums are made in place, in the tensor of the last batch normalisation; the next tests tell the two apart.
    exceptions = {("paper", "densenet121"): {"Conv2d"}}
    assert {kind for _, kind in met} == exceptions.get((place, arch), {"BatchNorm2d"})


def test_top_masks_of_resnet18_stand_in_the_last_two_stages() -> None:
    met = masked_activations(network("resnet18-top0.3-standard-s0m1", width="1"), COLOUR)
    assert Counter(shape for shape, _ in met) == Counter(TOP)
    both = network("resnet18-bottom0.7-top0.3-standard-s0m1", width="1")
    assert shapes(both) == Counter(RELEASED["resnet18"] + TOP)
    for mask in defects(both):
        dropped = Fraction(3, 10) if mask.shape[2] > 8 else Fraction(7, 10)
        assert (mask == 0).sum() == floor(dropped * mask.numel())


@pytest.mark.parametrize("place", MASK_PLACES)
def test_released_masks_leave_the_shortcut_open_and_paper_masks_close_it(place: str) -> None:
    model, seen = settled(network("resnet18-bottom0.3-standard-s0m1", width="1/8", place=place)), []
    block: Any = model[1].blocks[1]
    block.register_forward_hook(lambda _, inputs, output: seen.extend([inputs[0].clone(), output.clone()]))
    model(pixels(COLOUR))
    before, after = seen
    mask = block.masks[1].mask if place == "released_code" else block.sum_mask.mask
    dead = (mask == 0).expand_as(after)
    assert after[~dead].any()
    if place == "released_code":
        assert after[dead].any()
        assert torch.equal(after[dead], before[dead])
    else:
        assert before.any()
        assert not after[dead].any()


def test_projections_are_masked_in_resnet18_and_take_the_masked_activation_in_senet18() -> None:
    assert isinstance(network("resnet18-bottom0.3-standard-s0m1")[1].blocks[2].projection_mask, Defect)
    model, seen = settled(network("senet18-bottom0.3-standard-s0m1")), []
    block: Any = model[1].blocks[2]
    block.shortcut.register_forward_hook(lambda _, inputs, output: seen.append(inputs[0].clone()))
    model(pixels(COLOUR))
    dead = (block.mask1.mask == 0).expand_as(seen[0])
    assert not seen[0][dead].any()
    assert seen[0][~dead].any()


BOTTOM_WIDTHS = {"-dc0.5-standard-s0": (32, 64), "-dc0.3-standard-s0": (20, 39), "-dc0.1-standard-s0": (7, 13)}
BOTTOM_WIDTHS |= {"x2-bottom0.5-standard-s0m1": (128, 256), "-standard-s0": (64, 128)}


@pytest.mark.parametrize(("variant", "bottom"), BOTTOM_WIDTHS.items())
def test_thin_and_wide_variants_change_the_bottom_widths_only(variant: str, bottom: tuple[int, int]) -> None:
    model, channels = network(f"resnet18{variant}", width="1"), []
    body: Any = model[1]
    for block in body.blocks:
        block.register_forward_hook(lambda _, inputs, output: channels.append(output.shape[1]))
    model.eval()(pixels(COLOUR, 1))
    assert channels == [width for width in (*bottom, 256, 512) for _ in range(2)]
    assert body.stem[0].out_channels == bottom[0]
    assert isinstance(body.blocks[0].projection, nn.Sequential) == (bottom[0] != 64)  # the variants' extra shortcut
    masks = [(128, 32, 32)] * 5 + [(256, 16, 16)] * 5 if "x2" in variant else []  # none on the extra shortcut
    assert shapes(model) == Counter(masks)


@pytest.mark.parametrize("trial", range(12))
def test_masks_have_the_exact_number_of_zeros(trial: int) -> None:
    c, h, w = (int(n) for n in torch.randint(1, 21, (3,), generator=torch.Generator().manual_seed(trial)))
    shape = (10 * c, h, w)  # tens, where (1 - 0.9) * n falls short in floats
    for keep in map(Fraction, ("0.05", "0.1", "0.3", "0.5", "0.7", "0.9", "1")):
        plain, same = draw_mask(shape, keep, trial), draw_mask(shape, keep, trial, same_for_channels=True)
        assert plain.shape == same.shape == (1, *shape)
        assert set(plain.unique().tolist()) | set(same.unique().tolist()) <= {0.0, 1.0}
        assert (plain == 0).sum() == floor((1 - keep) * prod(shape))
        assert (same == 0).sum() == floor((1 - keep) * h * w) * 10 * c


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("keep", ["bottom0.9", "bottom0.3", "sm0.1"])
def test_every_layer_of_a_network_has_the_exact_number_of_zeros(arch: str, keep: str) -> None:
    masks = defects(network(f"{arch}-{keep}-standard-s0m1", (3, 20, 20)))
    assert masks
    for mask in masks:
        channels = mask.shape[1] if keep.startswith("sm") else 1
        assert (mask == 0).sum() == floor((1 - Fraction(keep[-3:])) * mask.numel() / channels) * channels


@pytest.mark.parametrize("arch", ["resnet18", "vgg19"])
def test_channels_differ_in_plain_masks_and_agree_in_same_masks(arch: str) -> None:
    for mask in defects(network(f"{arch}-bottom0.5-standard-s0m1", width="1/2")):
        rows = mask[0].flatten(1)
        assert len(rows.unique(dim=0)) == len(rows)
        assert (rows.mean(1) - 0.5).abs().max() < 0.17  # zeros are spread over all channels
    same = defects(network(f"{arch}-sm0.5-standard-s0m1", width="1/2"))
    assert all(len(mask[0].flatten(1).unique(dim=0)) == 1 for mask in same)


@pytest.mark.parametrize("training", [True, False])
def test_masks_act_without_rescaling_in_training_and_in_evaluation(training: bool) -> None:
    mask = draw_mask((8, 5, 5), Fraction(3, 10), 1)
    layer, x = Defect(mask).train(training), torch.randn(3, 8, 5, 5, requires_grad=True)
    out = layer(x)
    assert torch.equal(out, torch.where(mask.bool(), x, torch.zeros(())))
    (gradient,) = torch.autograd.grad(out.sum(), x)
    assert torch.equal(gradient, mask.expand(3, -1, -1, -1))


@pytest.mark.parametrize("place", MASK_PLACES)
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_keep_probability_one_is_the_standard_network(arch: str, place: str) -> None:
    whole = settled(network(f"{arch}-bottom1-standard-s0m1", SMALL, place=place), SMALL)
    standard, half = network(f"{arch}-standard-s1", SMALL), network(f"{arch}-bottom0.5-standard-s0m1", SMALL)
    weights = {name: t for name, t in whole.state_dict().items() if not name.endswith(".mask")}
    standard.load_state_dict(weights)
    half.load_state_dict(weights, strict=False)
    x = pixels(SMALL)
    assert torch.equal(whole(x), standard.eval()(x))
    assert not torch.allclose(half.eval()(x), standard(x), atol=1e-3)


OTHERS = {"-standard-s1m1": True, "-standard-s0m2": False, "-top0.5-standard-s0m1": False}


@pytest.mark.parametrize(("rest", "shared"), OTHERS.items())
def test_masks_depend_on_places_and_mask_seed_and_not_on_the_initialisation(rest: str, shared: bool) -> None:
    first, other = network("resnet18-bottom0.5-standard-s0m1"), network(f"resnet18-bottom0.5{rest}")
    assert [torch.equal(a, b) for a, b in zip(defects(first), defects(other), strict=False)] == [shared] * 10
    assert not torch.equal(first.state_dict()["1.head.weight"], other.state_dict()["1.head.weight"])
    reseeded = network(f"resnet18-bottom0.5{rest}", seed=1)
    assert not any(torch.equal(a, b) for a, b in zip(defects(reseeded), defects(other), strict=True))


@pytest.mark.parametrize("place", MASK_PLACES)
@pytest.mark.parametrize("keep", ["bottom0.5", "sm0.5"])
def test_no_two_layers_of_any_architectures_share_a_mask(keep: str, place: str) -> None:
    drawn = [m for arch in ARCHITECTURES for m in defects(network(f"{arch}-{keep}-standard-s0m1", place=place))]
    pairs = [(a, b) for a, b in combinations(drawn, 2) if a.shape == b.shape]
    assert len(pairs) > 100
    assert all(abs((a == b).float().mean() - 0.5) < 0.25 for a, b in pairs)


def test_building_a_network_neither_reads_nor_moves_the_global_generator() -> None:
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        states.append(network("resnet18-bottom0.5-standard-s0m1").state_dict())
        assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())


def test_masks_are_buffers_that_a_checkpoint_carries(tmp_path: Path) -> None:
    name = "vgg19-bottom0.5-standard-s0m1"
    model, path = settled(network(name, SMALL), SMALL), str(tmp_path / "net.safetensors")
    masks = {key for key in model.state_dict() if key.endswith(".mask")}
    assert masks == {key for key, _ in model.named_buffers() if key.endswith(".mask")}
    assert len(masks) == len(defects(model)) == 4
    write_tensors(path, model.state_dict(), Record("train", "{}"))
    settings = {"model": name, "image": SMALL, "classes": 10, "width": "1/16", "mask_place": "paper", "seed": 5}
    loaded = trained_network(settings, [path], "cpu")  # another seed would draw other masks: the file's count
    assert not any(module.training for module in loaded.modules())
    assert torch.equal(loaded(pixels(SMALL)), model(pixels(SMALL)))


@pytest.mark.parametrize("change", ["shape", "missing", "extra", "type"])
@pytest.mark.parametrize("entry", ["1.head.weight", "0.mean", "1.stem_mask.mask"])
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(change: str, entry: str) -> None:
    model = network("resnet18-bottom0.5-standard-s0m1", SMALL)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    tensors = {name: torch.zeros_like(t) for name, t in before.items()}
    wrong = {"shape": torch.zeros(7), "type": before[entry].double(), "extra": torch.zeros(())}
    named = f"{entry}.more" if change == "extra" else entry
    tensors[named] = wrong.get(change, torch.zeros(()))
    if change == "missing":
        del tensors[entry]
    with pytest.raises(LacunaError) as error:
        load_weights(model, tensors, "some/file.safetensors")
    assert f"'{named}'" in str(error.value)
    assert "some/file.safetensors" in str(error.value)
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


@pytest.mark.parametrize("place", MASK_PLACES)
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_masked_network_refuses_another_resolution(arch: str, place: str) -> None:
    with pytest.raises(ValueError, match="mask is for"):
        network(f"{arch}-bottom0.5-standard-s0m1", place=place)(pixels((3, 28, 28)))
