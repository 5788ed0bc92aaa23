"""A selection of images that its networks are sure about: what the plan says of it, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lacuna.errors import LacunaError
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from conftest import Project

DEFECTIVE = "config/papers/defective.yaml"


@pytest.mark.parametrize("confidence", [0.99, 0.5, 0.999])
def test_the_confidence_is_a_setting_of_its_selection_alone(table3: Project, confidence: float) -> None:
    before = Plan(table3.load())
    (dataset,) = {before.lookup.dataset_of("table3")}
    assert "confidence" not in before.stages["select"].settings(dataset, "transfer")
    table3.edit(DEFECTIVE, lambda content: content["selections"]["transfer"].update(confidence=confidence))
    after = Plan(table3.load())
    settings = after.stages["select"].settings(dataset, "transfer")
    assert settings == {**before.stages["select"].settings(dataset, "transfer"), "confidence": confidence}
    trained = {"dataset": dataset, "model": "vgg19-standard-s0"}
    assert after.stages["train"].canonical(**trained) == before.stages["train"].canonical(**trained)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"confidence": 1}, "a number in .0, 1."), ({"confidence": 0}, "a number in .0, 1."),
     ({"confidence": "high"}, "a number in .0, 1."), ({"confidence": 99}, "a number in .0, 1.")],
)  # fmt: skip
def test_a_confidence_outside_of_0_and_1_is_refused(table3: Project, change: dict[str, Any], said: str) -> None:
    table3.edit(DEFECTIVE, lambda content: content["selections"]["transfer"].update(change))
    with pytest.raises(LacunaError, match=rf"selections\.transfer\.confidence.*{said}"):
        table3.load()


@pytest.mark.parametrize("rule", ["all", "right_on_source"])
def test_a_selection_without_sources_of_its_own_takes_no_confidence(table3: Project, rule: str) -> None:
    table3.edit(DEFECTIVE, lambda content: content["selections"].update(transfer={"rule": rule, "confidence": 0.99}))
    with pytest.raises(
        LacunaError, match=r"selections\.transfer.*right_on_all_sources with sources \(and confidence\)"
    ):
        table3.load()
