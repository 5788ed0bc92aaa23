"""Spatial dropout and DropBlock: what they draw, where they stand, and that other networks keep their bytes."""

import hashlib
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.language.models import ARCHITECTURES, DROPOUT_NETWORKS, parse_model
from lacuna.models.build import build_model
from lacuna.models.layers import Defect
from lacuna.models.regularisers import DropBlock

torch.set_num_threads(1)
TRAININGS: dict[str, dict[str, Any]] = {"sd": {"spatial_dropout": 0.1}, "db": {"drop_block": {"keep": 0.9, "size": 3}}}
KINDS: dict[str, type[nn.Module]] = {"sd": nn.Dropout2d, "db": DropBlock}


def network(name: str, training: dict[str, Any] | None, side: int = 32, place: str = "released_code") -> nn.Sequential:
    zero, one = torch.zeros(3, 1, 1), torch.ones(3, 1, 1)
    how = {"width": Fraction(1, 8), "mask_place": place, "seed": 0, "mean": zero, "std": one}
    return build_model(parse_model(name), (3, side, side), 10, training=training, **how)


def squares(corners: Tensor, shape: tuple[int, ...], size: int) -> Tensor:
    """Ones, with zeros in a square of side ``size`` from each corner on, by loops."""
    kept = torch.ones(shape)
    for n, c, i, j in corners.nonzero().tolist():
        kept[n, c, i : i + size, j : j + size] = 0
    return kept


SHAPES = [(2, 3, 8, 8), (5, 4, 4, 4), (3, 2, 7, 9), (2, 8, 3, 3)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [1, 3])  # torchvision fails on even ones
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_dropblock_is_torchvisions_for_equal_draws(shape: tuple[int, ...], size: int, seed: int) -> None:
    from torchvision.ops import DropBlock2d

    x, results = torch.randn(shape), []
    for layer in (DropBlock(0.9, size), DropBlock2d(0.1, size)):
        torch.manual_seed(seed)
        results.append(layer.train()(x))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize(
    ("shape", "size"), [*product(SHAPES, [1, 2, 3, 4]), ((6, 9, 2, 2), 3), ((9, 9, 1, 1), 3)], ids=str
)
def test_dropblock_zeroes_whole_squares_inside_the_map_and_keeps_the_mean(shape: tuple[int, ...], size: int) -> None:
    layer, real = DropBlock(0.7, size).train(), min(size, *shape[2:])
    torch.manual_seed(1)
    out = layer(torch.ones(shape))
    torch.manual_seed(1)
    places = (shape[2] - real + 1, shape[3] - real + 1)
    rate = 0.3 / real**2 * shape[2] * shape[3] / (places[0] * places[1])
    kept = squares(torch.empty(*shape[:2], *places).bernoulli_(rate), shape, real)
    assert torch.equal(out != 0, kept != 0)
    torch.testing.assert_close(out, kept * kept.numel() / kept.sum())
    assert 0 < kept.mean() < 1
    assert out.mean() == pytest.approx(1, abs=1e-5)


def test_dropblock_drops_each_position_as_often_as_squares_cover_it() -> None:
    times, zeros = 3000, torch.zeros(8, 8)
    layer, x = DropBlock(0.9, 3).train(), torch.ones(1, 4, 8, 8)
    torch.manual_seed(0)
    for _ in range(times):
        zeros += (layer(x) == 0).float().sum((0, 1))
    rate = 0.1 / 9 * 64 / 36
    covering = torch.tensor([min(i, 5, 2, 7 - i) + 1 for i in range(8)], dtype=torch.float64)
    expected = 1 - (1 - rate) ** torch.outer(covering, covering)
    assert (zeros / (4 * times) - expected).abs().max() < 5 * (0.25 / (4 * times)) ** 0.5
    assert expected.mean() == pytest.approx(0.095, abs=0.002)  # nearly 1 - keep; overlaps cost the rest


def test_dropblock_draws_per_image_and_channel_and_anew_each_time() -> None:
    layer, x = DropBlock(0.5, 3).train(), torch.ones(4, 4, 8, 8)
    maps = torch.cat([layer(x).flatten(0, 1), layer(x).flatten(0, 1)]).ne(0)
    assert len(maps.flatten(1).unique(dim=0)) > 20


def test_dropblocks_gradient_is_its_mask_and_evaluation_is_the_identity() -> None:
    layer, x = DropBlock(0.7, 3), torch.randn(2, 3, 8, 8, requires_grad=True)
    out = layer.train()(x)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(gradient * x, out)
    assert (gradient == 0).any()
    assert layer.eval()(x) is x


PLACES = {"resnet18": [(32, 8, 8)] * 4 + [(64, 4, 4)] * 4, "wrn32": [(32, 8, 8)] * 10}


@pytest.mark.parametrize("variant", ["", "-top0.5", "-bottom0.5"])
@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("arch", DROPOUT_NETWORKS)
def test_regularisers_stand_after_the_first_bn_and_before_the_second(arch: str, training: str, variant: str) -> None:
    model = network(f"{arch}{variant}-{training}-s0{'m1' * bool(variant)}", TRAININGS[training])
    made: list[tuple[Tensor, str]] = []
    met: list[tuple[tuple[int, ...], str]] = []

    def meet(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        met.append((tuple(inputs[0].shape[1:]), next(kind for tensor, kind in made if tensor is inputs[0])))

    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.Conv2d | Defect):
            module.register_forward_hook(lambda m, _, output: made.append((output, type(m).__name__)))
        elif isinstance(module, KINDS[training]):
            module.register_forward_hook(meet)
    model.train()(torch.rand(2, 3, 32, 32))
    assert [shape for shape, _ in met] == PLACES[arch]
    first = "Defect" if variant == "-top0.5" else "BatchNorm2d"
    assert [kind for _, kind in met] == [first, "Conv2d"] * (len(met) // 2)


@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("arch", DROPOUT_NETWORKS)
def test_in_evaluation_they_are_not_there_and_in_training_they_are(arch: str, training: str) -> None:
    plain, model = network(f"{arch}-standard-s0", None, 16), network(f"{arch}-{training}-s0", TRAININGS[training], 16)
    model.load_state_dict(dict(zip(model.state_dict(), plain.state_dict().values(), strict=True)))
    x = torch.rand(8, 3, 16, 16)
    with torch.no_grad():
        assert not torch.allclose(model.train()(x), plain.train()(x), rtol=1e-3)
        model.load_state_dict(dict(zip(model.state_dict(), plain.state_dict().values(), strict=True)))
        assert torch.equal(model.eval()(x), plain.eval()(x))


def test_spatial_dropout_drops_a_tenth_of_the_channels() -> None:
    (layer, *_) = [m for m in network("resnet18-sd-s0", TRAININGS["sd"]).modules() if isinstance(m, nn.Dropout2d)]
    torch.manual_seed(0)
    maps = layer.train()(torch.ones(100, 100, 3, 3)).flatten(2)
    assert torch.equal(maps.amin(2), maps.amax(2))
    assert (maps[..., 0] == 0).double().mean() == pytest.approx(0.1, abs=0.015)


@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("arch", sorted(set(ARCHITECTURES) - set(DROPOUT_NETWORKS)))
def test_an_architecture_without_places_is_refused(arch: str, training: str) -> None:
    with pytest.raises(LacunaError, match=f"have no place in {arch}; allowed: resnet18, wrn32$"):
        network(f"{arch}-{training}-s0", TRAININGS[training])


BYTES = {  # recorded before there was any training but the standard one
    ("resnet18-standard-s0", "released_code"): "dca74a3163ff996f",
    ("resnet18-bottom0.5-standard-s1m1", "released_code"): "3549771cb81ee5b5",
    ("resnet18-bottom0.5-standard-s1m1", "paper"): "10e5212a38f087e9",
    ("densenet121-bottom0.3-standard-s1m1", "released_code"): "b40713862f076c22",
}


@pytest.mark.parametrize(("name", "place"), BYTES)
@pytest.mark.parametrize("training", [None, {}], ids=str)
def test_weights_and_masks_of_networks_that_were_there_keep_their_bytes(name: str, place: str, training: Any) -> None:
    digest = hashlib.sha256()
    for key, tensor in network(name, training, 16, place).state_dict().items():
        digest.update(key.encode() + tensor.contiguous().numpy().tobytes())
    assert digest.hexdigest()[:16] == BYTES[name, place]
