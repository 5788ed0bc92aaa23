"""Results that no exhibit needs are listed and removed; what the tables are made from stays, whatever its seed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from refusing import DEFECTIVE

from lacuna.plan.plan import Plan
from lacuna.unneeded import lines_of, remove, unneeded_artefacts

if TYPE_CHECKING:
    from projects import Project

ROOT = "results/demo/fashion-mnist-subset"


def made(*paths: str) -> None:
    """Files with records; what stands in them does not matter here."""
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(b"x" * len(path))
        Path(f"{path}.prov.json").write_text("{}")


@pytest.fixture
def plan(table3: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    return Plan(table3.load())


def test_what_exhibits_are_made_from_is_needed(plan: Plan) -> None:
    everything = [artefact.path for artefact in plan.inventory.artefacts()]
    made(*everything)
    assert len(everything) > 20
    assert unneeded_artefacts(plan) == []


def test_other_networks_sets_and_outcomes_are_not(plan: Plan) -> None:
    others = [
        f"{ROOT}/attack/pgd16/resnet50-standard-s99.safetensors",
        f"{ROOT}/evaluate/pgd16/resnet18-standard-s99.parquet",
        f"{ROOT}/train/resnet18-standard-s99.safetensors",
    ]
    made(*others)
    assert unneeded_artefacts(plan) == others


def test_an_edit_that_drops_a_row_frees_its_network(table3: Project, plan: Plan) -> None:
    made(*(artefact.path for artefact in plan.inventory.artefacts()))
    table3.edit(DEFECTIVE, lambda content: content["tables"]["table3"]["rows"].pop(0))
    freed = unneeded_artefacts(Plan(table3.load()))
    assert freed
    assert all("/train/" in path or "/evaluate/" in path for path in freed)


def test_further_seeds_are_needed_as_the_first_is(plan: Plan) -> None:
    needed = next(artefact.path for artefact in plan.inventory.artefacts() if artefact.stage == "train")
    further = [needed.replace("subset/", f"subset-seed{seed}/") for seed in (1, 27)]
    other = f"{ROOT}-seed1/train/resnet18-standard-s99.safetensors"
    made(*further, other)
    assert unneeded_artefacts(plan) == [other]


@pytest.mark.parametrize(
    "path",
    [
        f"{ROOT}/export/pgd16/resnet18-standard-s99/pgd_e16/0.png",  # somebody asked for it by name
        f"{ROOT}/mine/notes.csv",
        "results/paper/cifar10/train/resnet18-standard-s99.safetensors",  # another scale
        "results/downloads/archive.tar",
    ],
)
def test_what_is_not_the_plans_to_judge_stays(plan: Plan, path: str) -> None:
    made(path)
    assert unneeded_artefacts(plan) == []


def test_files_are_listed_by_size_and_removed_with_their_records(plan: Plan) -> None:
    small, large = (f"{ROOT}/train/resnet18-standard-s{seed}.safetensors" for seed in (98, 99))
    made(small, large)
    Path(large).write_bytes(b"x" * 3_000_000)
    Path(f"{large}.dvc").write_text("outs: []")
    found = unneeded_artefacts(plan)
    assert list(lines_of(found, "demo")) == [
        f"       3.0 MB  {large}",
        f"       0.0 MB  {small}",
        "2 files of scale demo that no exhibit needs, 0.00 GB",
    ]
    remove(found)
    assert sorted(path.name for path in Path("results").rglob("*") if path.is_file()) == [Path(f"{large}.dvc").name]
    assert unneeded_artefacts(plan) == []


def test_a_scale_that_does_not_exist_is_one_sentence(root: Path) -> None:
    call = [sys.executable, "-m", "lacuna.unneeded", "--scale", "huge"]
    done = subprocess.run(call, cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
