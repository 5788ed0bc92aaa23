"""Finished files stay until their successors are there; what a killed run kept comes back."""

import os
import random
from pathlib import Path
from typing import Any

import pytest

from lacuna.jobs.kept import keep, kept_path, let_go, recover

JOB = ["results/demo/set/dataset/train.safetensors", "results/demo/set/dataset/test.safetensors"]


class Notes:
    """What Snakemake records, by path."""

    def __init__(self, **records: str) -> None:
        self.records: dict[str, Any] = dict(records)

    def _read_record(self, path: str) -> Any:
        return self.records.get(path)

    def _write_record(self, path: str, record: Any) -> None:
        self.records[path] = record


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for path in JOB:
        write(path, f"old {path}")
    return tmp_path


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def files() -> dict[str, str]:
    return {str(path): path.read_text() for path in sorted(Path().rglob("*")) if path.is_file()}


def test_all_outputs_of_a_job_come_back_with_their_records_where_one_is_missing() -> None:
    before, notes = files(), Notes(**dict.fromkeys(JOB, "made"))
    [kept] = keep([JOB], notes)
    for path in JOB:
        Path(path).unlink()
        notes.records.pop(path)
    write(JOB[0], "new")  # half of the job
    kept.give_back(notes)
    assert files() == before
    assert notes.records == dict.fromkeys(JOB, "made")


def test_successors_stay_and_nothing_is_left_beside_them() -> None:
    notes = Notes(**dict.fromkeys(JOB, "made"))
    [kept] = keep([JOB], notes)
    for path in JOB:
        Path(path).unlink()
        write(path, "new")
        notes.records[path] = "made again"
    kept.give_back(notes)
    assert files() == dict.fromkeys(JOB, "new")
    assert set(notes.records.values()) == {"made again"}
    [kept] = keep([JOB], notes)
    let_go(JOB)
    assert files() == dict.fromkeys(JOB, "new")
    kept.give_back(notes)
    assert files() == dict.fromkeys(JOB, "new")


def test_an_output_without_a_record_comes_back_without_one() -> None:
    notes = Notes()
    [kept] = keep([JOB[:1]], notes)
    Path(JOB[0]).unlink()
    kept.give_back(notes)
    assert Path(JOB[0]).read_text() == f"old {JOB[0]}"
    assert notes.records == {}


@pytest.mark.parametrize("path", ["tables/table3.csv", "results/code/train.sha256", "results/demo/set/folder"])
def test_copies_digests_folders_and_what_is_not_there_are_not_kept(path: str) -> None:
    write(path if "." in path else f"{path}/file", "old")
    before = files()
    assert [kept.records for kept in keep([[path, "results/demo/absent.csv"]], Notes())] == [{}]
    assert files() == before


@pytest.mark.parametrize("seed", range(10))
def test_a_killed_run_leaves_each_file_old_or_new_and_none_beside_it(seed: int) -> None:
    draw, wanted = random.Random(seed), {}
    for i in range(12):
        path = f"results/demo/set/{draw.choice('abc')}/{i}.csv"
        write(path, f"old {i}")
        wanted[path] = f"old {i}"
    keep([[path] for path in wanted], Notes())
    for path in draw.sample(sorted(wanted), 8):
        Path(path).unlink()
        if draw.random() < 0.5:
            write(path, "new")
            wanted[path] = "new"
    recover(Path("results"))
    assert {path: text for path, text in files().items() if path not in JOB} == wanted


def test_a_disk_without_second_names_keeps_nothing_and_does_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("not permitted")

    monkeypatch.setattr(os, "link", refuse)
    [kept] = keep([JOB], Notes())
    assert kept.records == {}
    assert not kept_path(JOB[0]).exists()
