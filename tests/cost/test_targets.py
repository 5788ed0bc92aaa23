"""The jobs that targets still need, as Snakemake would find them."""

from pathlib import Path

import pytest

from lacuna.config.load import load
from lacuna.cost.targets import Job, jobs_of
from lacuna.errors import LacunaError
from lacuna.plan.learnt import BEGIN
from lacuna.plan.plan import Plan

CHOSEN = {"scale": "demo", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
TABLE = "tables/table3.csv"
ROWS = 15  # networks that are tested


@pytest.fixture
def plan(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """The demo's plan, where nothing is there."""
    monkeypatch.chdir(tmp_path)
    return Plan(load(root, CHOSEN))


def kinds(jobs: dict[str, Job]) -> dict[str, int]:
    named = [job.kind for job in jobs.values()]
    return {kind: named.count(kind) for kind in named}


def make(jobs: dict[str, Job], plan: Plan, *but: str) -> None:
    """Makes the files of all jobs but those of some kinds."""
    for key, job in jobs.items():
        if job.kind not in but:
            place = plan.paths.parse(key) if key.startswith("results/demo") else None
            stage = plan.stages[place.stage] if place else None
            names = (*stage.outputs, *stage.renderings) if stage else ()
            paths = [stage.path(name, **place.wildcards) for name in names] if stage and place else [key]
            for path in paths:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                Path(path).touch()


def test_a_table_needs_each_of_its_jobs_once_after_all_that_it_needs(plan: Plan) -> None:
    jobs = jobs_of(plan, [TABLE, TABLE])
    counts = kinds(jobs)
    expected = {
        "dataset": 1,
        "train": 20,
        "select": 1,
        "attack": 5,
        "evaluate": ROWS,
        "cells": 1,
        "table": 1,
        "publish": 1,
    }
    assert {kind: counts[kind] for kind in expected} == expected
    assert counts.keys() - expected.keys() == {"code"}
    seen: set[str] = set()
    for key, job in jobs.items():
        assert {*job.needs} <= seen
        seen.add(key)
    assert all(job.needs for job in jobs.values() if job.kind not in ("code",))


def test_jobs_have_the_plans_seconds_priorities_and_memory(plan: Plan) -> None:
    jobs = {job.name: job for job in jobs_of(plan, [TABLE]).values()}
    train, wildcards = plan.stages["train"], {"dataset": "fashion-mnist-subset", "model": "resnet50-standard-s0"}
    job = jobs["train resnet50-standard-s0"]
    assert job.seconds == train.seconds(**wildcards) + BEGIN
    assert (job.on_device, job.memory, job.known) == (True, 12, True)
    slow, quick = jobs["train densenet121-standard-s0"], jobs["train vgg19-standard-s0"]
    assert slow.priority > job.priority > quick.priority > jobs["cells table3"].priority == 0
    assert not jobs["cells table3"].on_device


def test_what_is_there_is_not_made_and_what_nobody_needs_again_may_be_gone(plan: Plan) -> None:
    jobs = jobs_of(plan, [TABLE])
    make(jobs, plan, "publish", "evaluate")
    assert kinds(jobs_of(plan, [TABLE])) == {"publish": 1}, "cells are there, so outcomes need not be"
    Path("results/demo/fashion-mnist-subset/cells/table3.csv").unlink()
    assert kinds(jobs_of(plan, [TABLE])) == {"evaluate": ROWS, "cells": 1, "table": 1, "publish": 1}
    assert kinds(jobs_of(plan, [TABLE], whole=True)) == kinds(jobs)


def test_what_is_made_again_takes_along_what_is_made_from_it(plan: Plan) -> None:
    make(jobs_of(plan, [TABLE]), plan)
    for copy in ("md", "tex", "cells.csv"):
        Path(f"tables/table3.{copy}").touch()
    assert jobs_of(plan, [TABLE]) == {}
    path = "results/demo/fashion-mnist-subset/attack/pgd16/vgg19-standard-s0.safetensors"
    again = jobs_of(plan, [TABLE], again=[path])
    assert kinds(again) == {"attack": 1, "evaluate": ROWS, "cells": 1, "table": 1, "publish": 1}


def test_collections_and_files_below_results_are_targets_too(plan: Plan) -> None:
    every = jobs_of(plan, ["all"])
    assert {*jobs_of(plan, ["tables"])} | {*jobs_of(plan, ["figures"])} == {*every}
    network = "results/demo/fashion-mnist-subset/train/vgg19-standard-s0.safetensors"
    assert kinds(jobs_of(plan, [network])) == {"code": 3, "dataset": 1, "train": 1}


@pytest.mark.parametrize(
    ("target", "said"),
    [("tables/table33.csv", "did you mean"), ("results/demo/nothing/at/all", "made by no job"), ("models", "collects")],
)
def test_a_target_that_no_job_makes_is_refused(plan: Plan, target: str, said: str) -> None:
    with pytest.raises(LacunaError, match=said):
        jobs_of(plan, [target])


def test_the_jobs_on_a_device_are_those_that_ask_the_cluster_for_a_gpu(root: Path, plan: Plan) -> None:
    text = (root / "slurm/profile.yaml").read_text()
    on_device = {name for name, stage in plan.stages.items() if stage.on_device}
    asked = {line.split(":")[0].strip() for line in text.splitlines() if "(with_gpu)" in line}
    assert asked - {'?"train_" + arch.replace("-", "_")'} | {"train"} == on_device
