"""What finished jobs took makes estimates of other jobs on the same kind of device, and of no other kind."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lacuna.config.load import load
from lacuna.cost import cost_of, learnt_file
from lacuna.cost.estimates import work_of
from lacuna.cost.learning import learn, learn_from_run
from lacuna.cost.learnt_file import PLACE, read_learnt
from lacuna.cost.simulation import Machine, simulate
from lacuna.cost.targets import jobs_of
from lacuna.files.artefacts import text_digest
from lacuna.files.machine import processor
from lacuna.plan.learnt import BEGIN
from lacuna.plan.plan import Plan
from lacuna.plan.stage import Artefact

CHOSEN = {"scale": "demo", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
LEARNT_FROM, PREDICTED = ("table8", "table10"), "tables/table3.csv"
DATASET = "fashion-mnist-subset"
HERE = "a processor"


@pytest.fixture
def plan(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """The demo's plan on a machine of a known kind, where nothing is there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(learnt_file, "devices", lambda: (HERE,))
    monkeypatch.setattr(learnt_file, "processor", lambda: HERE)
    monkeypatch.setattr("lacuna.cost.learning.processor", lambda: HERE)
    return Plan(load(root, CHOSEN))


def record(artefact: Artefact, seconds: float, settings: str = "", **volatile: Any) -> None:
    """The record of a finished job."""
    content = {
        "stable": {"settings_digest": text_digest(settings or artefact.settings)},
        "volatile": {"device": "cpu", "processor": HERE, "seconds": seconds, **volatile},
    }
    Path(artefact.path).parent.mkdir(parents=True, exist_ok=True)
    Path(f"{artefact.path}.prov.json").write_text(json.dumps(content))


def first_files(plan: Plan, *exhibits: str) -> Iterator[Artefact]:
    """One file of each job."""
    for artefact in plan.inventory.artefacts(*exhibits):
        if artefact.output == next(iter(plan.stages[artefact.stage].outputs)):
            yield artefact


def training(plan: Plan, model: str) -> Artefact:
    return plan.stages["train"].artefacts(dataset=DATASET, model=model)[0]


def read(plan: Plan, **how: Any) -> Plan:
    plan.learnt = read_learnt(plan.config.scale, **how)
    return plan


def seconds(plan: Plan, artefact: Artefact) -> float:
    return plan.learnt.seconds(plan.stages[artefact.stage], artefact.wildcards)


def test_without_finished_jobs_the_plan_decides(plan: Plan) -> None:
    artefact = training(plan, "vgg19-standard-s0")
    assert seconds(read(plan), artefact) == plan.stages["train"].seconds(**artefact.wildcards) > 0
    assert plan.learnt.begin("train") == BEGIN
    assert learn(plan) == plan.learnt.jobs == 0
    assert not PLACE.exists()


def test_a_finished_job_tells_of_its_like_then_of_its_stage_and_of_no_other_stage(plan: Plan) -> None:
    expected = plan.stages["train"].seconds
    for model, factor in (("resnet18-standard-s0", 2.0), ("resnet18-standard-s1", 4.0), ("vgg19-standard-s0", 1.0)):
        record(training(plan, model), factor * expected(DATASET, model))
    assert learn(plan) == 3
    assert read(plan).learnt.jobs == 3
    same = "resnet18-bottom0.5-standard-s1m1"
    assert seconds(plan, training(plan, same)) == pytest.approx(3 * expected(DATASET, same), rel=1e-3)
    took = 6 * expected(DATASET, "resnet18-standard-s0") + expected(DATASET, "vgg19-standard-s0")
    whole = 2 * expected(DATASET, "resnet18-standard-s0") + expected(DATASET, "vgg19-standard-s0")
    for other in ("densenet121-standard-s0", "resnet18-at-s1"):  # other architecture, other training
        assert seconds(plan, training(plan, other)) == pytest.approx(expected(DATASET, other) * took / whole, rel=1e-3)
    attack = plan.stages["attack"].artefacts(dataset=DATASET, attack="pgd16", source="resnet18-standard-s0")[0]
    assert seconds(plan, attack) == plan.stages["attack"].seconds(**attack.wildcards)


def test_where_the_plan_expects_nothing_what_such_jobs_took_is_taken(plan: Plan) -> None:
    files = [one for one in first_files(plan, "table3") if one.stage == "evaluate"]
    resnets = [one for one in files if one.wildcards["target"].startswith("resnet18")]
    for took, artefact in zip((3, 5, 10), resnets, strict=True):
        record(artefact, took)
    learn(plan)
    read(plan)
    assert {seconds(plan, one) for one in files} == {6}
    cells = next(one for one in first_files(plan, "table3") if one.stage == "cells")
    assert seconds(plan, cells) == 0


@pytest.mark.parametrize(
    "volatile",
    [
        {"processor": "another"},
        {"device": "cuda", "gpu": "NVIDIA H200"},
        {"device": "cuda"},
        {"seconds": "many"},
        {"seconds": float("nan")},
    ],
)
def test_another_device_and_a_record_that_names_none_say_nothing_here(plan: Plan, volatile: dict[str, Any]) -> None:
    artefact = training(plan, "vgg19-standard-s0")
    record(artefact, **{"seconds": 1e6, **volatile})
    learn(plan)
    assert seconds(read(plan), artefact) == plan.stages["train"].seconds(**artefact.wildcards)


def test_other_settings_and_damaged_records_say_nothing(plan: Plan) -> None:
    artefact, damaged = training(plan, "vgg19-standard-s0"), training(plan, "resnet18-standard-s0")
    record(artefact, 1e6, settings="{}")
    for text in ("{", "[]", "null", '{"stable": 3}'):
        Path(f"{damaged.path}.prov.json").write_text(text)
        assert learn(plan) == 0


def test_another_scale_says_nothing(plan: Plan, root: Path) -> None:
    record(training(plan, "vgg19-standard-s0"), 1e6)
    learn(plan)
    paper = read(Plan(load(root, CHOSEN | {"scale": "paper"})))
    artefact = paper.stages["train"].artefacts(dataset="cifar10", model="vgg19-standard-s0")[0]
    assert seconds(paper, artefact) == paper.stages["train"].seconds(**artefact.wildcards)


def test_of_jobs_elsewhere_the_slowest_kind_counts(plan: Plan) -> None:
    artefact, expected = training(plan, "vgg19-standard-s0"), plan.stages["train"].seconds
    for factor, gpu in ((3, "one"), (5, "another")):
        record(artefact, factor * expected(**artefact.wildcards), device="cuda", gpu=gpu)
        learn(plan)
    assert seconds(read(plan), artefact) == expected(**artefact.wildcards)
    assert seconds(read(plan, elsewhere=True), artefact) == pytest.approx(5 * expected(**artefact.wildcards), rel=1e-3)


def damaged(entry: str) -> str:
    """A file in which one number is not right."""
    return f'{{"format": 1, "kinds": {{"{HERE}": {{"begin": {{}}, "scales": {{"demo": {{"train": {entry}}}}}}}}}}}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"format": 2, "kinds": {}}',
        damaged('{"jobs": 1, "ratio": -1}'),
        damaged('{"jobs": 1, "ratio": NaN}'),
        damaged('{"jobs": 1, "ratio": 1e999}'),
        damaged('{"ratio": 1}'),
        '{"format": 1, "kinds": {"a processor": {"begin": {"train": {"jobs": 1}}, "scales": {}}}}',
    ],
)
def test_a_damaged_file_is_passed_over_with_one_sentence_and_written_anew(plan: Plan, text: str) -> None:
    PLACE.parent.mkdir()
    PLACE.write_text(text)
    said: list[str] = []
    artefact = training(plan, "vgg19-standard-s0")
    assert seconds(read(plan, say=said.append), artefact) == plan.stages["train"].seconds(**artefact.wildcards)
    assert len(said) == 1
    assert str(PLACE) in said[0]
    record(artefact, 1e3)
    learn(plan)
    assert seconds(read(plan, say=said.append), artefact) == pytest.approx(1e3, rel=1e-3)
    assert len(said) == 1


def test_a_file_that_says_all_that_was_learnt_is_not_written_again(plan: Plan) -> None:
    record(training(plan, "vgg19-standard-s0"), 100)
    learn(plan)
    before = PLACE.stat()
    learn(plan)
    assert PLACE.stat() == before


def test_a_run_tells_what_jobs_take_besides_their_work(plan: Plan) -> None:
    place = {"dataset": DATASET, "model": "resnet18-standard-s0"}
    record(training(plan, place["model"]), 40)
    seen = [("train_resnet18", place, 45.0), ("code_train", {}, 1.0), ("code_select", {}, 2.0)]
    learn_from_run(plan, seen, elsewhere=False)
    assert {name: read(plan).learnt.begin(name) for name in ("train", "code", "cells")} == {
        "train": 5,
        "code": 1.5,
        "cells": BEGIN,
    }
    learn_from_run(plan, [("train_resnet18", place, 49.0)], elsewhere=False)
    assert read(plan).learnt.begin("train") == 7
    learn_from_run(plan, [("train_resnet18", place, 9e5)], elsewhere=True)
    assert read(plan).learnt.begin("train") == 7, "in a queue"
    assert work_of(plan, "train_resnet18", place).whole == pytest.approx(47, rel=1e-3)


def test_a_run_that_made_nothing_leaves_no_file(plan: Plan) -> None:
    learn_from_run(plan, [("code_train", {}, 1.0)], elsewhere=False)
    assert not PLACE.exists()


def test_the_cost_follows_what_was_learnt(plan: Plan) -> None:
    files = [training(plan, f"resnet18-standard-s{seed}") for seed in (0, 1)]
    plain = cost_of(plan, files).seconds
    record(files[0], plain)  # twice what it was to take
    learn(plan)
    assert cost_of(read(plan), files).seconds == pytest.approx(2 * plain, rel=1e-3)


def test_a_demo_whose_jobs_were_learnt_from_other_tables_is_foretold_within_a_twentieth(plan: Plan) -> None:
    """Recorded jobs of a machine with its own speed for each architecture, on which every job varies."""
    speed, draw = {"train": 1.6, "attack": 0.7}, random.Random(0)

    def took(artefact: Artefact) -> float:
        expected = plan.stages[artefact.stage].seconds(**artefact.wildcards)
        return draw.uniform(0.9, 1.1) * (speed.get(artefact.stage, 1) * expected if expected else 4)

    def true(key: str) -> float:
        place = plan.paths.parse(key)
        return took(plan.stages[place.stage].artefacts(**place.wildcards)[0])

    for artefact in first_files(plan, *LEARNT_FROM):
        record(artefact, took(artefact))
    wanted = jobs_of(plan, [PREDICTED])
    real = {
        key: job
        if job.kind in ("code", "publish", "table")
        else type(job)(**{**vars(job), "seconds": BEGIN + true(key)})
        for key, job in wanted.items()
    }
    clock = simulate(real, Machine(2)).makespan
    unlearnt = simulate(wanted, Machine(2)).makespan
    learn(plan)
    foretold = simulate(jobs_of(read(plan), [PREDICTED]), Machine(2)).makespan
    assert foretold == pytest.approx(clock, rel=0.05)
    assert abs(unlearnt / clock - 1) > 0.15


def test_the_processor_of_this_machine_has_a_name_of_one_line() -> None:
    assert processor().strip() == processor() != ""
    assert "\n" not in processor()
