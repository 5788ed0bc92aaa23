"""The digests of code that jobs wait for: content decides what is planned, with and without Snakemake's notes."""

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from test_workflow_replan import ATTACKED, EVALUATED, SELECTED, sources

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

MTIME = ("--rerun-triggers", "mtime", "--")
OUTCOMES = "src/lacuna/evaluation/outcomes.py"
OUTCOME = "evaluate/pgd16/vgg19-standard-s1.parquet"


def notes_gone(tree: "Tree") -> None:
    shutil.rmtree(tree / ".snakemake")


def edited(tree: "Tree", name: str, text: str = "# edited\n") -> str:
    """Adds a comment to a file; what it held before."""
    before = (tree / name).read_text()
    tree.append(name, text)
    return before


def test_an_edit_is_named_with_its_module_and_writes_the_parts_that_hold_it(finished: "Tree") -> None:
    edited(finished, "src/lacuna/evaluation/predictions.py")
    said = finished.run("-n", *finished.targets)
    assert "Updated input files: src/lacuna/evaluation/predictions.py" in said
    assert finished.counted(said) == SELECTED
    assert finished.planned_code() == {"select", "evaluate", "figure"}


@pytest.mark.parametrize("options", [(), MTIME])
def test_a_touch_plans_nothing_and_an_edit_its_stage_whatever_the_triggers(
    finished: "Tree", options: tuple[str, ...]
) -> None:
    for name in sources(finished):
        (finished / str(name)).touch()
    assert finished.planned(*options, *finished.targets) == {}
    before = edited(finished, OUTCOMES)
    assert finished.planned(*options, *finished.targets) == EVALUATED
    (finished / OUTCOMES).write_text(before)
    assert finished.planned(*options, *finished.targets) == {}


@pytest.mark.parametrize("options", [(), MTIME])
def test_without_the_notes_nothing_is_planned_until_an_edit(finished: "Tree", options: tuple[str, ...]) -> None:
    notes_gone(finished)
    assert finished.planned(*options, *finished.targets) == {}
    edited(finished, OUTCOMES)
    assert finished.planned(*options, *finished.targets) == EVALUATED


@pytest.mark.parametrize("options", [(), MTIME])
def test_an_edit_that_was_undone_plans_only_what_was_made_with_it(finished: "Tree", options: tuple[str, ...]) -> None:
    before = edited(finished, OUTCOMES)
    made = str((finished.results / OUTCOME).relative_to(finished.root))
    finished.run(made)
    assert finished.planned(*options, *finished.targets) == EVALUATED | {"evaluate": 3}
    (finished / OUTCOMES).write_text(before)
    assert finished.planned(*options, *finished.targets) == EVALUATED | {"evaluate": 1}
    finished.run()
    (finished / OUTCOMES).touch()
    assert finished.planned(*options, *finished.targets) == {}


def test_an_edit_that_came_with_an_old_time_is_noticed(finished: "Tree") -> None:
    edited(finished, OUTCOMES)
    os.utime(finished / OUTCOMES, (1e9, 1e9))
    assert finished.planned() == EVALUATED


def test_deleted_digests_plan_nothing_and_an_edit_is_still_noticed(finished: "Tree") -> None:
    shutil.rmtree(finished / "results/code")
    assert finished.planned() == {}
    edited(finished, OUTCOMES)
    assert finished.planned() == EVALUATED


def test_touch_takes_an_edit_as_made_and_later_jobs_run(finished: "Tree") -> None:
    edited(finished, OUTCOMES)
    finished.run("--touch", *finished.targets)
    assert finished.planned() == {}
    (finished.results / OUTCOME).unlink()
    finished.run(str((finished.results / OUTCOME).relative_to(finished.root)))
    edited(finished, OUTCOMES)
    assert finished.planned() == EVALUATED


def test_a_module_that_is_edited_while_a_job_waits_stops_it_with_a_sentence(finished: "Tree") -> None:
    """What was planned is replaced after the plan is made: by a job that the evaluation waits for."""
    (finished.results / "train/vgg19-standard-s1.safetensors").unlink()
    (finished.results / OUTCOME).unlink()
    finished.append("workflow/scripts/train.py", f"Path({OUTCOMES!r}).open('a').write('# edited')\n")
    status, said = finished.call("--cores", "1", str((finished.results / OUTCOME).relative_to(finished.root)))
    assert status != 0
    assert f"error: {OUTCOMES} was edited since this run was planned; run the same command again" in said
    assert not (finished.results / OUTCOME).exists()


@pytest.mark.parametrize(
    ("name", "expected", "parts"),
    [
        ("src/lacuna/attacks/pgd.py", ATTACKED, {"method-pgd"}),
        ("src/lacuna/attacks/methods/pgd.py", ATTACKED, {"method-pgd"}),
        ("src/lacuna/attacks/square.py", {}, set()),
        ("src/lacuna/attacks/core/run.py", ATTACKED, {"attack", "figure"}),
        ("src/lacuna/models/vgg.py", {"train_vgg19": 3, **SELECTED}, {"architecture-vgg19"}),
        ("src/lacuna/models/architectures/senet18.py", {}, set()),
    ],
)
def test_an_edit_of_a_method_or_an_architecture_plans_what_uses_it(
    finished: "Tree", name: str, expected: dict[str, int], parts: set[str]
) -> None:
    edited(finished, name)
    planned = finished.planned()
    assert {rule: count for rule, count in planned.items() if rule not in ("figure", "publish_figure")} == {
        rule: count for rule, count in expected.items() if rule not in ("figure", "publish_figure")
    }
    assert finished.planned_code() == parts


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("attacks/methods/pgd.py", "attacks/methods/mine.py"),
        ("models/architectures/vgg19.py", "models/architectures/mine1.py"),
    ],
)
def test_a_new_method_or_architecture_plans_nothing(finished: "Tree", source: str, target: str) -> None:
    shutil.copyfile(finished / f"src/lacuna/{source}", finished / f"src/lacuna/{target}")
    assert finished.planned() == {}


def test_a_job_records_each_module_with_its_sha256(finished: "Tree") -> None:
    record = json.loads((finished.results / f"{OUTCOME}.prov.json").read_text())
    named = record["volatile"]["code"]
    assert {OUTCOMES, "workflow/scripts/evaluate.py", "src/lacuna/models/vgg.py"} <= named.keys()
    assert "src/lacuna/models/senet.py" not in named
    lines = [line.split("  ") for part in ("evaluate", "architecture-vgg19") for line in _lines(finished, part)]
    assert {name: digest for digest, name in lines} == named
    assert not any("results/code" in name for name in record["stable"]["inputs"])


def _lines(tree: "Tree", part: str) -> list[str]:
    return (tree / f"results/code/{part}.sha256").read_text().splitlines()
