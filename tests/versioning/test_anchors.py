"""What git holds of a file: forgeries that fit in themselves are named, by verify, by the audit and after a pull."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from forging import edit_record, forge

from lacuna.files.artefacts import Record, provenance_path, write_text
from lacuna.plan.stage import Artefact, canonical
from lacuna.versioning import anchors as module
from lacuna.versioning.anchors import md5, read_anchors
from lacuna.versioning.findings import examine

FOLDER = "results/demo"
DATA, OUTCOME, CELLS = (f"{FOLDER}/{name}.bin" for name in ("data", "outcome", "cells"))


def make(stage: str, path: str, inputs: tuple[str, ...]) -> Artefact:
    write_text(path, f"made by {stage}")
    Record(stage, "{}", list(inputs)).write(path)
    return Artefact(stage, path, canonical({}), inputs)


def git(*arguments: str) -> None:
    own = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *own, *arguments], check=True, capture_output=True)


def track(path: str) -> None:
    """As `dvc add` does it."""
    size = Path(path).stat().st_size
    Path(f"{path}.dvc").write_text(
        f"outs:\n- md5: {md5(path)}\n  size: {size}\n  hash: md5\n  path: {Path(path).name}\n"
    )


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Artefact]:
    """Data, outcomes and cells, tracked and committed."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    made = [make("dataset", DATA, ()), make("evaluate", OUTCOME, (DATA,)), make("cells", CELLS, (OUTCOME,))]
    for artefact in made:
        track(artefact.path)
        track(str(provenance_path(artefact.path)))
    git("add", "-f", *map(str, Path(FOLDER).glob("*.dvc")))
    git("commit", "-qm", "c")
    return made


def faults(chain: list[Artefact]) -> dict[str, str]:
    found = examine(chain, read_anchors(FOLDER))
    assert all("\n" not in finding.why for finding in found)
    return {finding.path: finding.fault for finding in found if finding.state == "disagrees"}


def forged(path: str) -> None:
    forge(path, b"a test accuracy of 100")


def remade(path: str) -> None:
    """Outcomes forged with their record, and everything after them made again from these."""
    forged(OUTCOME)
    make("cells", CELLS, (OUTCOME,))


def resealed(path: str) -> None:
    edit_record(path, lambda record: record["volatile"].update(commit="0" * 40), seal=True)


def retracked(path: str) -> None:
    """The file beside it is forged too, and not committed."""
    forged(path)
    track(path)
    track(str(provenance_path(path)))


def untracked(path: str) -> None:
    forged(path)
    for name in (path, str(provenance_path(path))):
        Path(f"{name}.dvc").unlink()


def with_a_damaged_note(path: str) -> None:
    forged(path)
    for name in (path, str(provenance_path(path))):
        Path(f"{name}.dvc").write_bytes(b"\xff: [")


def staged(path: str) -> None:
    retracked(path)
    git("add", "-f", f"{path}.dvc", f"{path}.prov.json.dvc")


def test_what_was_tracked_and_committed_agrees(chain: list[Artefact]) -> None:
    assert faults(chain) == {}
    held = read_anchors(FOLDER)
    assert all(held.committed(name) for a in chain for name in (a.path, str(provenance_path(a.path))))


@pytest.mark.parametrize("deceive", [forged, remade, resealed, retracked, untracked, with_a_damaged_note, staged])
def test_a_forgery_that_fits_in_itself_is_not_the_version_that_git_holds(
    chain: list[Artefact], deceive: Callable[[str], None]
) -> None:
    deceive(OUTCOME)
    assert faults(chain)[OUTCOME] == "replaced"


def test_without_git_the_forgery_passes_and_nothing_is_said_to_be_held(chain: list[Artefact]) -> None:
    """What the check can do stands on git alone; how many files it holds is said each time."""
    remade(OUTCOME)
    for path in Path(FOLDER).glob("*.dvc"):
        path.unlink()
    Path(".git").rename("elsewhere")
    assert faults(chain) == {}
    assert not read_anchors(FOLDER).known


def test_what_is_tracked_and_not_committed_yet_is_compared_too(chain: list[Artefact]) -> None:
    Path(".git").rename("elsewhere")
    assert faults(chain) == {}
    forged(OUTCOME)
    [why] = [f.why for f in examine(chain, read_anchors(FOLDER)) if f.fault == "replaced"]
    assert "which is not committed" in why


def test_a_new_version_is_well_once_it_is_committed(chain: list[Artefact]) -> None:
    remade(OUTCOME)
    for path in (OUTCOME, CELLS):
        track(path)
        track(str(provenance_path(path)))
    assert faults(chain).keys() == {OUTCOME, CELLS}
    git("commit", "-qam", "new version")
    assert faults(chain) == {}


def test_only_the_file_beside_is_forged(chain: list[Artefact]) -> None:
    """The next pull would fetch something else."""
    Path(f"{OUTCOME}.dvc").write_text(Path(f"{OUTCOME}.dvc").read_text().replace(md5(OUTCOME), "0" * 32))
    assert faults(chain) == {OUTCOME: "replaced"}


@pytest.mark.parametrize(
    "text",
    ["", "outs: nonsense", "outs: []", "outs:\n- {md5: 1}\n- {md5: 2}\n", "[" * 5000, "outs:\n- 3\n", "- &a [*a]"],
)
def test_a_note_that_says_nothing_is_one_sentence(chain: list[Artefact], text: str) -> None:
    Path(f"{OUTCOME}.dvc").write_text(text)
    git("commit", "-qam", "damaged")
    assert faults(chain) == {OUTCOME: "replaced"}


def test_a_pipe_in_place_of_a_note_is_not_waited_for(chain: list[Artefact], monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    Path(f"{OUTCOME}.dvc").unlink()
    os.mkfifo(f"{OUTCOME}.dvc")
    assert faults(chain) == {OUTCOME: "replaced"}
    monkeypatch.setattr(module, "LONGEST", 10)
    assert OUTCOME in faults(chain)
