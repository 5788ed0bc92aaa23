"""Results of another checkout are taken as made: checked, without DVC, and nothing that lies here is lost."""

import json
import os
import shutil
from pathlib import Path

import pytest
from clones import CELLS, CHECKPOINT, OUTCOME, Clone, flip, named, shuffle
from conftest import NOTHING, Tree

from lacuna.files.escapes import for_markdown
from lacuna.reporting.origins import BEGINNING, without_origin

pytestmark = pytest.mark.workflow

SET = "results/demo/fashion-mnist-subset/attack/pgd16/resnet18-standard-s0.safetensors"


@pytest.fixture
def theirs(finished_root: Path, tmp_path: Path) -> Path:
    """A copy of another's results/, with times of its own and without what Snakemake knows of them."""
    folder = Path(shutil.copytree(finished_root / "results", tmp_path / "theirs" / "results"))
    shutil.rmtree(folder / "code", ignore_errors=True)
    return folder


@pytest.fixture
def empty(small: Tree) -> Clone:
    """The same configuration, in which nothing was made."""
    return Clone(small.root)


def test_nothing_is_planned_after_the_results_of_another_were_taken(empty: Clone, theirs: Path, finished: Tree) -> None:
    shuffle(empty, 0)
    said = empty.made("take", f"FROM={theirs}")
    assert "22 artefacts copied from " in said
    assert NOTHING in empty.run("-n", *empty.targets)
    for name in ("tables/table3.cells.csv", "tables/table3.csv"):
        assert (empty / name).read_bytes() == (finished / name).read_bytes(), name
    ours, others = ((tree / "tables/table3.md").read_text() for tree in (empty, finished))
    assert without_origin(ours) == without_origin(others)
    assert f"{BEGINNING}taken from {for_markdown(str(theirs))} and verified, all 16 files." in ours
    assert f"{BEGINNING}recomputed here, all 16 files." in others
    assert not [path for path in empty.files("results") if ".tmp" in str(path)]
    for tree in (empty, finished):
        tree.replace("config/papers/defective.yaml", "epsilon: 16/255", "epsilon: 8/255")
    assert empty.planned() == finished.planned() != {}, "a later change is planned as if all had been made here"


@pytest.mark.parametrize("copy", ["cp -r", "cp -a"])
def test_results_that_were_copied_by_hand_are_taken_where_they_lie(empty: Clone, theirs: Path, copy: str) -> None:
    empty.must(*copy.split(), f"{theirs}/.", str(empty / "results"))
    assert "0 artefacts copied from results, 22 lay here" in empty.made("take", "FROM=results")
    assert NOTHING in empty.run("-n", *empty.targets)


def test_a_checkout_may_be_named_and_a_table_alone_taken(empty: Clone, theirs: Path) -> None:
    said = empty.made("take", f"FROM={theirs.parent}", "TABLE=table3", "SCALE=demo")
    assert "table3 at scale demo: 22 artefacts copied" in said


@pytest.mark.parametrize("what", ["bytes", "settings", "record", "link", "pipe"])
def test_a_file_that_does_not_agree_is_named_and_no_copy_of_it_stays(empty: Clone, theirs: Path, what: str) -> None:
    damage(theirs.parent / CHECKPOINT, what)
    done = empty.make("take", f"FROM={theirs}")
    said = done.stderr.splitlines()
    if what not in ("link", "pipe"):  # which are no files, so that the checkpoint is absent there
        assert done.returncode != 0
        assert [name.removesuffix(".prov.json") for name in named(said)] == [CHECKPOINT], said
        assert not any((empty / name).exists() for name in (OUTCOME, CELLS)), "nor of what was made from it"
        assert not (empty / f"{CHECKPOINT}.prov.json").exists()
    assert not (empty / CHECKPOINT).exists()
    assert (empty / SET).exists(), "what does not depend on it was taken"
    assert "Traceback" not in done.stderr
    assert CHECKPOINT not in empty.known()


def damage(path: Path, what: str) -> None:
    record = Path(f"{path}.prov.json")
    if what == "bytes":
        flip(path)
    elif what == "record":
        record.write_text("[" * 2000)
    elif what == "settings":
        content = json.loads(record.read_text())
        content["stable"]["settings"]["recipe"]["epochs"] += 1
        record.write_text(json.dumps(content))
    else:
        path.unlink()
        path.symlink_to("/etc/hostname") if what == "link" else os.mkfifo(path)


def test_what_lies_here_is_kept_and_named(empty: Clone, theirs: Path) -> None:
    (empty / CHECKPOINT).parent.mkdir(parents=True)
    (empty / CHECKPOINT).write_text("a training of my own")
    said = empty.complains("take", f"FROM={theirs}")
    assert f"kept: {CHECKPOINT} differs from the one in {theirs}; delete it and its .prov.json to take that one" in said
    assert (empty / CHECKPOINT).read_text() == "a training of my own"
    assert (empty / SET).exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((), "error: make take needs FROM=, a folder of results"),
        (("FROM=/nowhere",), "error: FROM=/nowhere has no folder demo or results/demo; allowed: a checkout, or its"),
        (("FROM=config",), "error: FROM=config has no folder demo or results/demo; allowed: "),
        (("FROM=x;touch y", "SCALE=paper"), "error: FROM=x;touch y has no folder paper or results/paper; allowed: "),
    ],
)
def test_a_folder_without_results_is_refused_in_one_sentence(empty: Clone, given: tuple[str, ...], says: str) -> None:
    assert any(line.startswith(says) for line in empty.complains("take", *given))
    assert not (empty / "y").exists()
