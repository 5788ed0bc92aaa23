"""Ready-made defenses declare what they take: signatures, what is accepted, and what the configuration refuses."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
import torch
from refusing import DEFECTIVE, Change, refusal

from lacuna import purify
from lacuna.numerics.images import to_bytes
from lacuna.purify import READY

if TYPE_CHECKING:
    from projects import Project

torch.set_num_threads(1)
TYPES = {"integer": "int", "number": "float"}


def images(side: int = 40) -> torch.Tensor:
    """Noisy slopes, float32 (2, 3, side, side) in [0, 1]."""
    noise = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    return (torch.linspace(0, 1, side).expand(2, 3, side, side) + 0.3 * noise).clamp_(0, 1)


def ends(schema: Mapping[str, Any]) -> list[Any]:
    """The ends of what a parameter may be."""
    lowest = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1e-9)
    return list(schema["enum"]) if "enum" in schema else [lowest, schema["maximum"]]


def arguments(name: str, **change: Any) -> dict[str, Any]:
    """Something allowed for each required parameter, but for those that are given."""
    return {parameter.name: ends(parameter.value.schema)[-1] for parameter in READY[name].required} | change


@pytest.mark.parametrize("name", READY)
def test_the_declaration_is_the_signature(name: str) -> None:
    (first, *taken) = inspect.signature(getattr(purify, name)).parameters.values()
    assert first.name == "x"
    assert {p.kind for p in taken} == {inspect.Parameter.KEYWORD_ONLY}
    assert [p.name for p in taken if p.default is p.empty] == [p.name for p in READY[name].required]
    assert [p.name for p in taken if p.default is not p.empty] == [p.name for p in READY[name].optional]
    for parameter in taken:
        schema = READY[name].parameters[parameter.name].value.schema
        assert parameter.annotation == TYPES.get(schema.get("type", ""), "str")
        if parameter.default is not parameter.empty:
            assert parameter.default in schema["enum"]


@pytest.mark.parametrize("name", READY)
def test_both_ends_of_what_is_accepted_give_images(name: str) -> None:
    x = images()
    for parameter in READY[name].parameters.values():
        made = [
            getattr(purify, name)(x, **arguments(name, **{parameter.name: end})) for end in ends(parameter.value.schema)
        ]
        for one in made:
            assert one.shape == x.shape
            assert one.isfinite().all()
            assert 0 <= one.min() <= one.max() <= 1
        assert all(not torch.equal(made[0], other) for other in made[1:]), "the range is one in which something changes"


def test_just_outside_nothing_works_or_nothing_changes() -> None:
    x = images()
    saved = to_bytes(x).float() / 255
    assert torch.equal(purify.jpeg(x, quality=0), purify.jpeg(x, quality=1))  # libjpeg moves it into its range
    assert torch.equal(purify.jpeg(x, quality=500), purify.jpeg(x, quality=100))
    assert not purify.bit_depth(x, bits=0).isfinite().all()
    assert torch.equal(to_bytes(purify.bit_depth(saved, bits=8)), to_bytes(saved))
    assert torch.equal(purify.median(x, size=1), x)
    with pytest.raises(RuntimeError):
        purify.median(x, size=0)
    with pytest.raises(ZeroDivisionError):
        purify.total_variation(x, weight=0)


def defended(function: str, **given: Any) -> Change:
    """A row of Table 3 behind a defense."""

    def change(content: Any) -> None:
        content["defenses"] = {"mine": {"function": function, **({"arguments": given} if given else {})}}
        content["tables"]["table3"]["rows"][0]["defense"] = "mine"

    return change


REFUSED = [
    (
        defended("lacuna.purify:bit_depth", bits=0),
        "arguments.bits: 0 is not allowed; allowed: an integer of at least 1",
    ),
    (defended("lacuna.purify:bit_depth", bits=9), "at least 1 and at most 8"),
    (defended("lacuna.purify:bit_depth", bits=2.5), "arguments.bits: 2.5 is not allowed"),
    (defended("lacuna.purify:bit_depth"), "arguments: has nothing; bit_depth takes bits"),
    (
        defended("lacuna.purify:jpeg", quality=500),
        "arguments.quality: 500 is not allowed; allowed: an integer of at least 1 and at most 95",
    ),
    (defended("lacuna.purify:jpeg", quality=0), "at least 1 and at most 95"),
    (defended("lacuna.purify:jpeg", qualty=50), "arguments: has qualty; jpeg takes quality, subsampling (optional)"),
    (defended("lacuna.purify:jpeg", quality=50, subsampling="4:1:1"), "allowed: 4:4:4, 4:2:2, 4:2:0"),
    (defended("lacuna.purify:jpeg", quality="50"), 'arguments.quality: "50" is not allowed'),
    (defended("lacuna.purify:median", size=0), "arguments.size: 0 is not allowed; allowed: an integer of at least 2"),
    (
        defended("lacuna.purify:median", size=29),
        "size 29 is not allowed for the images of fashion-mnist-subset; allowed: at most 28",
    ),
    (defended("lacuna.purify:total_variation", weight=0), "a number above 0 and at most 10"),
    (defended("lacuna.purify:total_variation", weight=-0.1), "a number above 0"),
    (
        defended("lacuna.purify:jpg", quality=50),
        "'jpg' is not known; allowed: bit_depth, jpeg, median, total_variation",
    ),
    (defended("lacuna.purify:picture"), "'picture' is not known"),
]


@pytest.mark.parametrize(("change", "says"), REFUSED, ids=[says for _, says in REFUSED])
def test_what_a_defense_would_not_take_is_refused_before_anything_runs(
    table3: Project, change: Change, says: str
) -> None:
    table3.edit(DEFECTIVE, change)
    sentence = refusal(table3)
    assert sentence.startswith(f"{DEFECTIVE}, key ")
    assert says in sentence


def test_jpeg_takes_images_that_files_can_hold(table3: Project) -> None:
    table3.edit(DEFECTIVE, defended("lacuna.purify:jpeg", quality=50))
    table3.load()
    table3.edit("config/datasets.yaml", lambda content: content["fashion-mnist-subset"].update(image=[2, 28, 28]))
    assert "defense 'mine': quality 50 is not allowed for the images of fashion-mnist-subset" in refusal(table3)


def test_declarations_are_read_without_torch() -> None:
    code = "import sys, lacuna.config.load; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
