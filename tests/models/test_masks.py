"""Masks of the place nostem (Figures 3, 6 and 7), those of bottom but for the stem; what is reported of masks."""

from collections import Counter
from fractions import Fraction
from math import floor, prod
from typing import Any

import pytest
import torch
from test_models import COLOUR, RELEASED, defects, network, pixels, settled, shapes
from torch import nn

from lacuna.language.architectures import MASK_PLACES
from lacuna.language.codes import variant_code
from lacuna.language.models import ARCHITECTURES, parse_model
from lacuna.models.build import mask_report
from lacuna.models.layers import Defect

torch.set_num_threads(1)
NOSTEM = "resnet18-nostem0.1-standard-s1m1"


def masked(name: str, place: str) -> list[str]:
    """Names of the masked layers."""
    layers = network(name, place=place).named_modules()
    return [name for name, module in layers if isinstance(module, Defect)]


@pytest.mark.parametrize("place", MASK_PLACES)
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_nostem_masks_what_bottom_masks_but_the_stem(arch: str, place: str) -> None:
    bottom, nostem = (masked(f"{arch}-{part}0.3-standard-s0m1", place) for part in ("bottom", "nostem"))
    assert nostem == [layer for layer in bottom if "stem" not in layer]
    assert nostem


def test_resnet18s_nostem_masks_are_those_of_blocks_1_and_2() -> None:
    model = network(NOSTEM, width="1")
    assert shapes(model) == Counter(RELEASED["resnet18"][1:])
    for mask in defects(model):
        assert (mask == 0).sum() == round(0.9 * mask.numel())


def test_the_stem_of_a_nostem_network_is_whole() -> None:
    seen = {}
    for part in ("bottom", "nostem"):
        model = settled(network(f"resnet18-{part}0.3-standard-s0m1", width="1/4"))
        model[1].blocks[0].register_forward_pre_hook(lambda _, inputs, part=part: seen.update({part: inputs[0]}))
        with torch.no_grad():
            model(pixels(COLOUR))
    dead = {part: (stem == 0).all(0).double().mean().item() for part, stem in seen.items()}
    assert dead["bottom"] > 0.65  # seven tenths are masked
    assert dead["nostem"] < 0.4  # ReLU alone


def test_nostem_shares_no_mask_with_bottom() -> None:
    bottom, nostem = (defects(network(f"resnet18-{part}0.5-standard-s0m1")) for part in ("bottom", "nostem"))
    assert not any(torch.equal(a, b) for a, b in zip(bottom[1:], nostem, strict=True))


def test_nostem_has_its_own_variant_code() -> None:
    assert parse_model(NOSTEM).variant == variant_code(NOSTEM, "", {}) == "bottom_nostem"
    assert parse_model(NOSTEM).keep_prob == "0.1"


def test_mask_report_counts_kept_neurons_and_dead_positions() -> None:
    mask = torch.tensor([[1, 0, 1], [0, 0, 1]], dtype=torch.float32).view(1, 2, 1, 3)
    row = {"layer": "1", "shape": [2, 1, 3], "kept": 3, "dead_positions": round(1 / 3, 6)}
    assert mask_report(nn.Sequential(nn.ReLU(), Defect(mask))) == [row]
    model = network("senet18-sm0.3-standard-s0m1")
    rows: list[Any] = mask_report(model)
    assert [row["kept"] for row in rows] == [int(mask.sum()) for mask in defects(model)]
    positions = [prod(row["shape"][1:]) for row in rows]
    assert [row["dead_positions"] for row in rows] == [round(floor(Fraction(7, 10) * n) / n, 6) for n in positions]
