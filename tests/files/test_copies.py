"""Copies from a storage provider: records and settings know a file by its path in the plan, wherever a job reads it."""

from pathlib import Path

import pytest

from lacuna.files.artefacts import Record, sha256, stable_part, write_text
from lacuna.files.copies import planned_path
from lacuna.files.named import named_inputs

PLANNED = "results/demo/mnist/attack/pgd16/a.bin"
COPIED = [
    f".snakemake/storage/fs/tmp/remote/{PLANNED}",
    f"/home/someone/checkout/.snakemake/storage/s3/bucket/below/{PLANNED}",
]


@pytest.mark.parametrize("path", COPIED)
def test_a_copy_has_the_path_of_the_plan(path: str) -> None:
    assert planned_path(path) == PLANNED


@pytest.mark.parametrize(
    "path", [PLANNED, "src/lacuna/errors.py", ".snakemake/storage/fs/data/a.bin", "/tmp/results/a"]
)
def test_what_is_no_copy_of_a_result_keeps_its_path(path: str) -> None:
    assert planned_path(path) == path


@pytest.mark.parametrize("path", COPIED)
def test_records_of_copies_are_those_of_the_files_themselves(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = path.removeprefix("/home/someone/checkout/")
    write_text(place, "a set")
    Record("attack", "{}").write(place)
    assert stable_part(place)["artefact"] == PLANNED
    said = [{"attack": "pgd16", "source": "a", "path": PLANNED}]
    assert named_inputs(said, ("attack", "source"), [place]) == {("pgd16", "a"): place}
    assert Record("evaluate", "{}", [place]).digests == {PLANNED: sha256(place)}
