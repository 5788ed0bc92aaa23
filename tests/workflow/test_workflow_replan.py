"""What is planned again after an edit, and what is not. Dry runs on copies of a finished tree."""

import os
import random
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

BELOW = "results/demo/fashion-mnist-subset"

RENDERED = {"table": 1, "publish_table": 1}
DRAWN = {"figure": 1, "publish_figure": 1}
COMPUTED = {"cells": 1, **RENDERED, **DRAWN}
EVALUATED = {"evaluate": 4, **COMPUTED}
ATTACKED = {"attack": 2, **EVALUATED}
SELECTED = {"select": 1, **ATTACKED}
TRAINED = {"train_resnet18": 3, "train_vgg19": 3, **SELECTED}
SOURCES = ("Snakefile", "profiles", "rules", "workflow", "src", "config", "data")


def sources(tree: "Tree") -> list[Path]:
    """All files that a user could touch, edit or check out."""
    return [path for name in SOURCES for path in ([Path(name)] if "." in name else tree.files(name))]


def shuffle_times(tree: "Tree", names: list[Path], seed: int) -> None:
    """Gives files times from the last ten years, as a clone, a copy or a checkout does."""
    draw, now = random.Random(seed), time.time()
    for name in names:
        when = now - draw.uniform(0, 10 * 365 * 86400)
        os.utime(tree / str(name), (when, when))


def paper(tree: "Tree", change: Callable[[Any], None]) -> None:
    tree.configure("config/papers/defective.yaml", change)


def test_touching_every_source_file_plans_nothing(finished: "Tree") -> None:
    for name in sources(finished):
        (finished / str(name)).touch()
    assert finished.planned() == {}


@pytest.mark.parametrize("seed", [0, 1])
def test_shuffled_times_of_sources_and_results_plan_nothing(finished: "Tree", seed: int) -> None:
    shuffle_times(finished, sources(finished) + (finished.files("results") if seed else []), seed)
    assert finished.planned() == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("workflow/scripts/table.py", RENDERED),
        ("src/lacuna/reporting/tables/render.py", RENDERED),
        ("src/lacuna/reporting/drawing/heatmap.py", DRAWN),
        ("src/lacuna/numbers/cells.py", COMPUTED),
        ("data/printed/defective.csv", COMPUTED),
        ("workflow/scripts/evaluate.py", EVALUATED),
        ("src/lacuna/attacks/pgd.py", ATTACKED),
        ("src/lacuna/attacks/square.py", {}),
        ("src/lacuna/attacks/core/run.py", {**ATTACKED}),
        ("src/lacuna/models/vgg.py", {"train_vgg19": 3, **SELECTED}),
        ("src/lacuna/models/senet.py", {}),
        ("src/lacuna/evaluation/selection.py", SELECTED),
        ("src/lacuna/evaluation/predictions.py", SELECTED),
        ("src/lacuna/evaluation/outcomes.py", EVALUATED),
        ("src/lacuna/models/layers.py", TRAINED),
        ("src/lacuna/training/loop.py", TRAINED),
        ("src/lacuna/data/sources.py", {"dataset": 1, **TRAINED}),
    ],
)
def test_a_comment_added_to_a_file_replans_its_stage_and_what_follows(
    finished: "Tree", name: str, expected: dict[str, int]
) -> None:
    finished.append(name)
    assert finished.planned() == expected


def test_a_comment_added_where_no_number_is_decided_plans_nothing(finished: "Tree") -> None:
    for name in (
        "workflow/scripts/publish.py",
        "src/lacuna/files/artefacts.py",
        "src/lacuna/plan/plan.py",
        "rules/train.smk",
    ):
        finished.append(name)
    for path in sorted((finished / "config").rglob("*.yaml")):
        finished.append(str(path.relative_to(finished.root)))
    assert finished.planned() == {}


def test_another_epsilon_replans_the_attack_and_never_training_or_selection(finished: "Tree") -> None:
    finished.replace("config/papers/defective.yaml", "epsilon: 16/255", "epsilon: 8/255")
    assert finished.planned() == ATTACKED


def test_another_number_of_images_replans_the_selection_and_no_training(finished: "Tree") -> None:
    finished.replace("config/scales/demo.yaml", "transfer: 20", "transfer: 10")
    assert finished.planned() == SELECTED


def test_another_learning_rate_replans_training_and_keeps_the_dataset(finished: "Tree") -> None:
    finished.replace("config/scales/demo.yaml", "learning_rate: 0.01", "learning_rate: 0.02")
    assert finished.planned() == TRAINED


def test_more_epochs_for_one_architecture_retrain_only_that_one(finished: "Tree") -> None:
    finished.replace("config/scales/demo.yaml", "epochs: 1", "epochs: 1\n    epochs_of: {vgg19: 2}")
    assert {rule for rule in finished.planned() if rule.startswith("train")} == {"train_vgg19"}


@pytest.mark.parametrize("choice", ["seed=1", "mask_place=paper"])
def test_another_seed_or_place_of_masks_on_the_command_line_replans_training(finished: "Tree", choice: str) -> None:
    assert finished.planned("tables/table3.csv", "figures/defective-table3.svg", "--config", choice) == TRAINED
    assert finished.planned() == {}, "asking did not change anything"


def test_another_title_of_the_table_only_renders_it_again(finished: "Tree") -> None:
    paper(finished, lambda content: content["tables"]["table3"].update(title="Another title"))
    assert finished.planned() == RENDERED


def test_a_row_added_to_the_table_trains_and_evaluates_only_its_network(finished: "Tree") -> None:
    row = {"row": "0.3-Bottom", "model": "vgg19-bottom0.3-standard-s1m1"}
    paper(finished, lambda content: content["tables"]["table3"]["rows"].append(row))
    assert finished.planned() == {"train_vgg19": 1, "evaluate": 1, **COMPUTED}


def test_a_checkout_of_another_branch_and_back_plans_nothing(finished: "Tree") -> None:
    def git(*arguments: str) -> None:
        settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.autocrlf=false")
        command = ["git", *who, *arguments]
        subprocess.run(command, cwd=finished.root, env=finished.variables() | settings, check=True, capture_output=True)

    git("init", "-q", "-b", "here")
    git("add", "-A")
    git("commit", "-qm", "here")
    git("checkout", "-qb", "there")
    edited = [str(name) for name in sources(finished) if name.suffix in {".py", ".yaml", ".smk"}]
    before = {name: (finished / name).stat().st_mtime_ns for name in edited}
    for name in edited:
        finished.append(name)
    git("commit", "-qam", "there")
    git("checkout", "-q", "here")
    assert all((finished / name).stat().st_mtime_ns > before[name] for name in edited)
    assert finished.planned() == {}


def test_a_deleted_checkpoint_is_trained_again_only_when_it_is_needed(finished: "Tree") -> None:
    checkpoint = finished.results / "train/vgg19-standard-s1.safetensors"
    outcome = finished.results / "evaluate/pgd16/vgg19-standard-s1.parquet"
    checkpoint.unlink()
    assert finished.planned() == {}, "what was made from it is there and up to date"
    assert finished.planned(str(checkpoint.relative_to(finished.root))) == {"train_vgg19": 1}
    outcome.unlink()
    target = str(outcome.relative_to(finished.root))
    assert finished.planned(target) == {"train_vgg19": 1, "evaluate": 1}
    assert finished.planned(target, *finished.targets) == {"train_vgg19": 1, "evaluate": 1, **COMPUTED}


def test_a_deleted_outcome_plans_its_evaluation_and_what_follows_once_numbers_are_computed_again(
    finished: "Tree",
) -> None:
    outcome = finished.results / "evaluate/pgd16/resnet18-bottom0.5-standard-s1m1.parquet"
    outcome.unlink()
    assert finished.planned() == {}, "the table made from it is there and up to date"
    assert finished.planned(str(outcome.relative_to(finished.root))) == {"evaluate": 1}
    (finished.results / "cells/table3.csv").unlink()
    shutil.rmtree(finished.results / "table")
    (finished / "tables/table3.csv").unlink()
    assert finished.planned("tables/table3.csv") == {"evaluate": 1, "cells": 1, **RENDERED}


def test_another_scale_and_back_only_copies_and_keeps_the_results(finished: "Tree") -> None:
    shutil.copy2(finished / "config/scales/demo.yaml", finished / "config/scales/other.yaml")
    shutil.copytree(finished / "results/demo", finished / "results/other")
    table = "fashion-mnist-subset/table/table3.csv"
    (finished / "results/other" / table).write_text("other\n")
    published, made = finished.contents("tables"), finished.contents(BELOW)
    copies = {"publish_table": 1, "publish_figure": 1}

    assert finished.planned(*finished.targets, "--config", "scale=other") == copies
    finished.run(*finished.targets, "--config", "scale=other")
    assert (finished / "tables/table3.csv").read_text() == "other\n"

    assert finished.planned() == copies
    finished.run()
    assert finished.contents("tables") == published
    assert finished.contents(BELOW) == made
    assert finished.planned() == {}


@pytest.mark.parametrize("scale", ["paper", "laptop"])
def test_table3_takes_20_trainings_5_attacks_and_15_evaluations_on_cifar10(pristine: "Tree", scale: str) -> None:
    said = pristine.run("-n", "tables/table3.csv", "--config", f"scale={scale}")
    architectures = ("resnet18", "resnet50", "densenet121", "senet18", "vgg19")
    trainings = {f"train_{arch}": 4 for arch in architectures}
    attacks = {"select": 1, "attack": 5, "evaluate": 15}
    assert pristine.counted(said) == {"dataset": 1, **trainings, **attacks, "cells": 1, **RENDERED}
    assert f"results/{scale}/cifar10/train/resnet18-standard-s0.safetensors" in said
    assert "fashion-mnist" not in said


@pytest.mark.parametrize("table", ["table2", "table9", "table12", "dual-figure4", "advdrop-table2"])
def test_a_table_takes_the_trainings_that_its_page_states(pristine: "Tree", table: str) -> None:
    counted = pristine.counted(pristine.run("-n", f"tables/{table}.csv"))
    page = (pristine / "docs/trainings.md").read_text()
    in_demo = re.search(rf"`{table}` \((\d+) in the\s+demo\)", page)
    stated = in_demo or re.search(rf"`{table}` \| (\d+)", page)
    assert stated
    assert sum(count for rule, count in counted.items() if rule.startswith("train")) == int(stated[1])


def test_the_demo_of_table3_uses_the_embedded_data_only(pristine: "Tree") -> None:
    said = pristine.run("-n", "tables/table3.csv")
    assert "results/demo/fashion-mnist-subset/train/resnet18-standard-s0.safetensors" in said
    assert "cifar10/" not in said
    assert "fashion-mnist-subset in place of cifar10" in said


def test_the_whole_demo_takes_98_trainings_and_makes_nothing_twice(pristine: "Tree") -> None:
    said = pristine.run("-n", "tables", "figures")
    counted = pristine.counted(said)
    trainings = {"resnet18": 59, "resnet34": 10, "resnet50": 5, "densenet121": 5, "senet18": 5, "vgg19": 5, "wrn32": 8}
    trainings |= {"efficientnet_lite0": 1}  # a job that takes the published network as it is
    assert sum(trainings.values()) == 98
    assert {rule: count for rule, count in counted.items() if rule.startswith("train")} == {
        f"train_{arch}": count for arch, count in trainings.items()
    }
    assert (counted["dataset"], counted["cells"], counted["figure"]) == (2, 42, 34)
    outputs = [name for line in re.findall(r"^    output: (.+)$", said, re.M) for name in line.split(", ")]
    assert len(outputs) == len(set(outputs)) > 2 * 98
    checkpoints = {name for name in outputs if "/train/" in name and name.endswith(".safetensors")}
    assert len(checkpoints) == 98


def again(tree: "Tree", *arguments: str) -> str:
    """The line on what a dry run would make again; empty without one."""
    return "".join(line for line in tree.run("-n", *arguments).splitlines() if line.startswith("Made again: "))


def test_a_plan_says_first_what_a_new_version_makes_run_again_and_touch_keeps_it(finished: "Tree") -> None:
    assert again(finished, *finished.targets) == ""
    finished.append("src/lacuna/evaluation/outcomes.py")
    said = again(finished, *finished.targets)
    assert said.startswith("Made again: 5 finished files, which took "), "the outcomes and the cells"
    assert "since src/lacuna/evaluation/outcomes.py changed; docs/operations.md says how to keep them." in said
    assert again(finished, f"{BELOW}/train/vgg19-standard-s1.safetensors") == "", "which does not need them"
    finished.replace("config/scales/demo.yaml", "transfer: 20", "transfer: 10")
    assert "src/lacuna/evaluation/outcomes.py, the settings of select changed" in again(finished)
    finished.replace("config/scales/demo.yaml", "transfer: 10", "transfer: 20")
    finished.run("--touch", *finished.targets)
    assert again(finished, *finished.targets) == ""
    assert finished.planned() == {}


def test_a_run_says_it_too(finished: "Tree") -> None:
    finished.append("src/lacuna/numbers/cells.py")
    said = finished.run(*finished.targets)
    assert "Made again: 1 finished file, which took " in said
    assert ", since src/lacuna/numbers/cells.py changed; docs/operations.md" in said
    assert "Made again" not in finished.run(*finished.targets)
