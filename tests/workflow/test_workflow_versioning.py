"""Two clones and a remote: what is tracked, pulled, named as wrong, taken as made, and planned after that."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from clones import CELLS, CHECKPOINT, COMPUTED, DATA, OUTCOME, RENDERED, Clone, begin, cloned, flip, named, shuffle
from conftest import Tree, copy

from lacuna.files.artefacts import text_digest
from lacuna.reporting.origins import BEGINNING, without_origin

pytestmark = pytest.mark.workflow


def recorded(tree: Tree) -> set[str]:
    """Files with provenance, without the notes of what was published, which are drawn up again after a pull."""
    names = {str(name).removesuffix(".prov.json") for name in tree.files("results", "*.prov.json")}
    return {name for name in names if "/published/" not in name}


# Track and push --------------------------------------------------------------------------------------------


def test_every_artefact_and_its_provenance_is_tracked_as_a_file_of_its_own(world: Path) -> None:
    a = Clone(world / "A")
    artefacts = recorded(a)
    assert {Path(name).parent.name for name in artefacts} == {"dataset", "train", "select", "pgd16", "cells"}
    assert a.tracked() == artefacts | {f"{name}.prov.json" for name in artefacts}
    assert a.git("status", "--porcelain", "-uall") == "", "all is committed or ignored"
    said = (world / "track.txt").read_text()
    assert "scale demo: 22 artefacts, " in said
    assert "44 of 44 .dvc files are new or changed" in said
    assert "44 .dvc files are not committed" in said
    assert f"scale demo: 44 tracked files, {a.objects()} files pushed" in (world / "push.txt").read_text()


def test_the_plan_lists_what_the_run_made_with_the_inputs_it_recorded(world: Path) -> None:
    a = Clone(world / "A")
    artefacts = a.plan("demo")
    assert artefacts.keys() == recorded(a)
    for path, artefact in artefacts.items():
        stable = json.loads((a / f"{path}.prov.json").read_text())["stable"]
        assert (stable["stage"], stable["settings_digest"]) == (artefact.stage, text_digest(artefact.settings))
        assert set(stable["inputs"]) == set(artefact.inputs)


def test_the_plan_lists_what_snakemake_would_make_of_the_real_configuration(pristine: Tree) -> None:
    said = pristine.run("--summary", "tables", "figures").splitlines()
    files = {line.split("\t")[0] for line in said if line.startswith("results/")}
    made = {name.removesuffix(".prov.json") for name in files if name.endswith(".prov.json")}
    made = {name for name in made if "/claims/" not in name and "/published/" not in name}
    assert made == Clone(pristine.root).plan("demo").keys()


def test_nothing_that_differs_from_its_provenance_is_added(finished_root: Path, tmp_path: Path) -> None:
    a = begin(finished_root, tmp_path / "A", str(tmp_path / "remote"))
    wrong = [f"{DATA}/train/vgg19-bottom0.5-standard-s1m1.safetensors", f"{DATA}/select/transfer.csv"]
    flip(a / wrong[0])
    (a / wrong[1]).write_text((a / wrong[1]).read_text()[:-3])
    (a / f"{DATA}/train/state").mkdir()
    (a / f"{DATA}/train/state/vgg19-standard-s1.safetensors").write_text("an interrupted training")
    said = a.complains("track")
    assert sorted(named(said)) == sorted(wrong)
    assert "  8 more cannot be confirmed without these" in said, "the history, 2 sets, 4 outcomes, cells"
    kept = {f"dataset/{split}" for split in ("train", "test")}
    kept |= {f"train/{arch}-standard-s{seed}" for arch in ("resnet18", "vgg19") for seed in (0, 1)}
    kept |= {"train/resnet18-bottom0.5-standard-s1m1"}
    names = {f"{DATA}/{name}.safetensors" for name in kept}
    names |= {f"{DATA}/{name}.history.csv" for name in kept if name.startswith("train/")}
    assert a.tracked() == names | {f"{name}.prov.json" for name in names}


def test_tracking_again_changes_nothing_and_other_settings_are_not_added(world: Path, tmp_path: Path) -> None:
    a = Clone(copy(world / "A", tmp_path / "A").root)
    assert "  0 of 44 .dvc files are new or changed" in a.made("track")
    a.replace("config/papers/defective.yaml", "epsilon: 16/255", "epsilon: 8/255")
    for name in a.files(f"{DATA}/attack", "*.dvc"):
        (a / str(name)).unlink()
    said = a.complains("track")
    sets = [line for line in said if line.startswith(f"disagrees: {DATA}/attack/pgd16/")]
    assert len(sets) == 2
    assert all("was made with other settings than the configuration's: budgets.pgd_e" in line for line in sets)
    assert not a.files(f"{DATA}/attack", "*.dvc")


# Pull ------------------------------------------------------------------------------------------------------


def test_a_clone_that_pulled_plans_nothing_though_times_are_shuffled(world: Path, pulled: Clone) -> None:
    said = (world / "pull.txt").read_text()
    assert f"44 tracked files, {pulled.objects()} files fetched and 44 files added" in said
    assert "22 artefacts, " in said
    assert "Snakemake takes 22 artefacts as made; rendered: tables/table3.csv, figures/defective-table3.svg" in said
    assert pulled.planned("tables/table3.csv") == {}
    shuffle(pulled, 1)
    assert pulled.planned("all", "data", "models", "adversarial") == {}
    a = Clone(world / "A")
    for folder in ("results/demo/fashion-mnist-subset", "tables", "figures"):
        ours, theirs = pulled.contents(folder), a.contents(folder)
        assert ours.keys() == theirs.keys()
        for name in (name for name in ours if not name.endswith((".svg", ".png"))):  # which show the origin too
            if name.endswith((".md", ".tex")):
                assert without_origin(ours[name].decode()) == without_origin(theirs[name].decode()), name
            else:
                assert ours[name] == theirs[name], name
    table = (pulled / "tables/table3.md").read_text()
    assert f"{BEGINNING}pulled from the remote storage and verified, all 16 files." in table  # no histories
    assert f"{BEGINNING}recomputed here, all 16 files." in (a / "tables/table3.md").read_text()
    assert "  22 of them are the versions that git holds" in said


def test_after_a_pull_an_edit_plans_what_it_plans_where_all_was_made(pulled: Clone) -> None:
    pulled.replace("config/papers/defective.yaml", "epsilon: 16/255", "epsilon: 8/255")
    assert pulled.planned() == {"attack": 2, "evaluate": 4, **COMPUTED}
    pulled.git("checkout", "-q", "config")
    assert pulled.planned() == {}
    pulled.append("src/lacuna/evaluation/predictions.py")
    assert pulled.planned() == {"select": 1, "attack": 2, "evaluate": 4, **COMPUTED}


def test_a_deleted_checkpoint_is_named_and_only_its_making_is_planned(pulled: Clone) -> None:
    (pulled / CHECKPOINT).unlink()
    assert f"missing: {CHECKPOINT} is tracked but not here" in pulled.complains("verify")
    assert pulled.planned(CHECKPOINT) == {"train_vgg19": 1}
    assert pulled.planned("tables/table3.csv") == {}, "the cells stand without it"


def test_a_deleted_checkpoint_and_table_plan_exactly_what_depends_on_them(pulled: Clone) -> None:
    (pulled / CHECKPOINT).unlink()
    (pulled / "tables/table3.csv").unlink()
    rebuilt = {"train_vgg19": 1, "evaluate": 1, "cells": 1, **RENDERED}
    assert pulled.planned("--forcerun", CHECKPOINT, "--", "tables/table3.csv") == rebuilt
    assert pulled.planned("tables/table3.csv") == {"publish_table": 1}, "a copy needs no checkpoint"
    shutil.rmtree(pulled / f"{DATA}/table")
    assert pulled.planned("tables/table3.csv") == RENDERED
    for name in (CELLS, OUTCOME):
        (pulled / name).unlink()
    assert pulled.planned("tables/table3.csv") == rebuilt


@pytest.mark.parametrize("damage", [flip, lambda path: os.truncate(path, path.stat().st_size - 1)], ids=["flip", "cut"])
def test_a_damaged_file_is_named_before_anything_is_built_on_it(pulled: Clone, damage: Callable[[Path], None]) -> None:
    for name in (f"{DATA}/attack/pgd16/vgg19-standard-s0.safetensors", OUTCOME, CELLS, CHECKPOINT):
        content = (pulled / name).read_bytes()
        damage(pulled / name)
        assert named(pulled.complains("verify")) == [name]
        if name == CHECKPOINT:
            guard = pulled.do(sys.executable, "-m", "lacuna.versioning", "guard", "--table", "table3")
            assert guard.returncode == 1
            assert named(guard.stderr.splitlines(), "error: ") == [name]
        (pulled / name).write_bytes(content)
    pulled.made("verify")


def test_a_damaged_publication_is_named_and_not_taken_as_made(world: Path, tmp_path: Path) -> None:
    """The checkpoint was damaged and added by hand: for DVC all is in order."""
    a = Clone(copy(world / "A", tmp_path / "A").root)
    flip(a / CHECKPOINT)
    (a / CHECKPOINT).touch()
    a.must("dvc", "add", "-q", CHECKPOINT)
    a.must("dvc", "push", "-q", "-r", "storage", CHECKPOINT)
    a.commit()
    b = cloned(a.root, tmp_path / "B")
    said = b.complains("pull")
    assert named(said) == [CHECKPOINT]
    assert "  3 more cannot be confirmed without these" in said, "its history, its outcome and the cells"
    assert "Snakemake takes 18 artefacts as made; rendered: nothing" in said
    assert not (b / "tables").exists()
    assert b.planned("tables/table3.csv") == {"train_vgg19": 1, "evaluate": 1, "cells": 1, **RENDERED}
    assert b.known().isdisjoint({CHECKPOINT, OUTCOME, CELLS})
    assert f"{DATA}/train/vgg19-standard-s0.safetensors" in b.known()


FASTER = ("config/scales/demo.yaml", "learning_rate: 0.01", "learning_rate: 0.02")
OTHER = "made with other settings than the configuration's: recipe.learning_rate is 0.01, not 0.02"


def test_other_settings_are_named_not_taken_as_made_and_planned_again(published: Clone) -> None:
    published.replace(*FASTER)
    said = published.complains("pull")
    wrong = [line for line in said if line.startswith("disagrees: ")]
    assert len(wrong) == 2 * 6, "checkpoints and histories"
    assert all(OTHER in line for line in wrong)
    assert "Snakemake takes 2 artefacts as made; rendered: nothing" in said
    data = {f"{DATA}/dataset/{split}.safetensors{end}" for split in ("train", "test") for end in ("", ".prov.json")}
    assert published.known() == data
    assert published.planned() == {
        "train_resnet18": 3,
        "train_vgg19": 3,
        "select": 1,
        "attack": 2,
        "evaluate": 4,
        **COMPUTED,
    }


def test_an_alias_stops_where_snakemake_would_build_on_other_settings(published: Clone) -> None:
    """After a plain `dvc pull` Snakemake knows times only; here they say that all is up to date."""
    published.must("dvc", "pull", "-q")
    published.replace(*FASTER)
    shuffle(published, 2)
    for name in published.plan("demo"):
        for file in (name, f"{name}.prov.json"):
            (published / file).touch()
    assert published.planned() == {**RENDERED, "figure": 1, "publish_figure": 1}
    stopped = published.do("dvc", "repro", "table3")
    assert stopped.returncode != 0
    assert len([line for line in stopped.stderr.splitlines() if line.startswith("error: ") and OTHER in line]) == 2 * 6
    assert "> snakemake tables" not in stopped.stdout


def test_what_snakemake_will_make_again_by_itself_does_not_stop_an_alias(pulled: Clone) -> None:
    pulled.replace("config/papers/defective.yaml", "epsilon: 16/255", "epsilon: 8/255")
    assert len(named(pulled.complains("verify"))) == 3, "two sets, and the cells, whose settings say which attack"
    pulled.must(sys.executable, "-m", "lacuna.versioning", "guard", "--table", "table3")


# Aliases ---------------------------------------------------------------------------------------------------


def test_dvc_repro_builds_or_does_nothing_and_never_removes_a_checkpoint(pulled: Clone) -> None:
    before = {name: (pulled / str(name)).stat().st_mtime_ns for name in pulled.files(f"{DATA}/train")}
    table = (pulled / "tables/table3.csv").read_bytes()
    pulled.must("dvc", "repro", "-q", "table3")
    (pulled / "tables/table3.csv").unlink()
    pulled.must("dvc", "repro", "-q", "table3")
    assert (pulled / "tables/table3.csv").read_bytes() == table
    assert {name: (pulled / str(name)).stat().st_mtime_ns for name in pulled.files(f"{DATA}/train")} == before
    flip(pulled / CHECKPOINT)
    (pulled / "tables/table3.csv").unlink()
    stopped = pulled.do("dvc", "repro", "table3")
    assert stopped.returncode != 0
    assert f"error: {CHECKPOINT} has changed since it was made" in stopped.stderr
    assert "> snakemake tables" not in stopped.stdout


def test_a_collecting_alias_does_nothing_where_all_is_made(pulled: Clone) -> None:
    before = pulled.contents(DATA)
    said = pulled.must("dvc", "repro", "models")
    assert "train_" not in said
    assert pulled.contents(DATA) == before
    assert json.loads((pulled / "metrics/models.json").read_text())["files"] == 12, "checkpoints and histories"
