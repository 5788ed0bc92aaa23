"""What the plan says of streamed images: readers, memory, hours, and nothing new of images that are not streamed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lacuna.config.load import load
from lacuna.data.streamed import AHEAD, DECODED, HELD, MOST_READERS, is_streamed, readers_for
from lacuna.errors import LacunaError
from lacuna.plan.plan import Plan
from lacuna.plan.presence import refuse_missing
from lacuna.plan.stages.train import MEMORY

if TYPE_CHECKING:
    from projects import Project

CHOSEN = {"scale": "paper", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
FAST, SLOW = "resnet18-standard-s0", "densenet121-standard-s0"
IMAGES = 1281167


@pytest.fixture(scope="module")
def plan(root: Path) -> Plan:
    return Plan(load(root, CHOSEN))


@pytest.mark.parametrize(("need", "readers"), [(1, 1), (DECODED, 1), (DECODED + 1, 2), (1e9, MOST_READERS)])
def test_readers_are_as_many_as_decode_what_the_network_needs(need: float, readers: int) -> None:
    assert readers_for(need) == readers


def test_only_trainings_on_streamed_images_have_readers_and_more_memory(plan: Plan) -> None:
    stage, seen = plan.stages["train"], set[bool]()
    for artefact in plan.inventory.artefacts():
        if artefact.stage != "train" or artefact.output != "checkpoint":
            continue
        dataset, model = artefact.wildcards["dataset"], artefact.wildcards["model"]
        streamed = is_streamed(plan.config.datasets[dataset])
        readers = stage.readers(dataset, model)
        assert ("stream" in json.loads(artefact.settings)) == streamed
        assert bool(readers) == (streamed and plan.networks.epochs(dataset, model) > 0)
        batch = plan.config.settings["recipes"][dataset]["batch_size"]
        ahead = (AHEAD + 2) * batch * 3 * 224**2 / 1e9 + readers * HELD
        assert stage.memory(dataset, model) == pytest.approx(MEMORY + ahead if readers else MEMORY)
        seen.add(streamed)
    assert seen == {True, False}


def test_the_memory_does_not_depend_on_the_number_of_images(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = plan.stages["train"]
    memory, seconds = stage.memory("imagenet", FAST), stage.seconds("imagenet", FAST)
    monkeypatch.setitem(plan.config.datasets["imagenet"], "train", 50_000)
    assert stage.memory("imagenet", FAST) == memory
    assert stage.seconds("imagenet", FAST) == pytest.approx(seconds * 50_000 / IMAGES)


def test_hours_are_those_of_the_network_or_of_the_readers_whichever_are_more(plan: Plan) -> None:
    stage = plan.stages["train"]
    assert stage.readers("imagenet", FAST) == MOST_READERS
    assert stage.seconds("imagenet", FAST) == pytest.approx(100 * IMAGES / (MOST_READERS * DECODED))
    assert stage.seconds("imagenet", FAST) > plan.networks.seconds("imagenet", FAST)
    assert stage.readers("imagenet", SLOW) < MOST_READERS
    assert stage.seconds("imagenet", SLOW) == plan.networks.seconds("imagenet", SLOW)


def test_the_index_takes_a_thousandth_of_the_images(plan: Plan) -> None:
    stage = plan.stages["dataset"]
    assert stage.size("train", "imagenet") < 0.001 * IMAGES * 3 * 224**2
    assert stage.size("test", "imagenet") == 50_000 * (3 * 224**2 + 8)


def unstreamed(content: Any) -> None:
    content["imagenet"]["source"]["stream"] = False


def test_the_folder_of_streamed_images_must_be_there_for_each_training(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    jobs = [("train_resnet18", {"dataset": "imagenet", "model": FAST})]
    with pytest.raises(LacunaError, match=r"dataset imagenet: data/imagenet/train is not there, and is yours to bring"):
        refuse_missing(Plan(project.load(scale="paper")), jobs)
    project.edit("config/datasets.yaml", unstreamed)
    refuse_missing(Plan(project.load(scale="paper")), jobs)
