"""Artefacts: written whole or not at all, with provenance, and verified on each read."""

import json
import os
import subprocess
from collections.abc import Callable
from hashlib import sha256 as reference_sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from lacuna.errors import LacunaError
from lacuna.files import artefacts
from lacuna.files.artefacts import (
    Record,
    atomic_path,
    provenance_digest,
    provenance_path,
    read_frame,
    read_tensors,
    sha256,
    stable_part,
    text_digest,
    verify,
    write_frame,
    write_tensors,
    write_text,
)

SETTINGS = '{"epochs":3,"model":"resnet18-standard-s0"}'


def tensors(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(4, 3, 5, 5, generator=generator)
    return {
        "z.weight": weight.contiguous(memory_format=torch.channels_last),
        "a.images": torch.randint(0, 256, (7, 1, 4, 4), generator=generator, dtype=torch.uint8),
        "m.ids": torch.randperm(9, generator=generator),
        "b.half": weight[::2, 1:],
        "count": torch.tensor(5),
    }


def frame(seed: int = 0) -> pd.DataFrame:
    draws = np.random.default_rng(seed).integers(0, 10, (20, 2))
    table = pd.DataFrame(draws, columns=["image", "label"])
    return table.assign(value=table["image"] / 7, source=pd.Categorical(["", "resnet18"] * 10))


def make(kind: str, folder: Path, record: Record | None = None) -> str:
    """An artefact of a kind, by its file ending; returns its path."""
    path, record = str(folder / "deep" / f"made.{kind}"), record or Record("train", SETTINGS)
    if kind == "safetensors":
        write_tensors(path, tensors(), record)
    else:
        write_frame(path, frame(), record)
    return path


KINDS = ["safetensors", "parquet", "csv"]
READERS: dict[str, Callable[[str], Any]] = {"safetensors": read_tensors, "parquet": read_frame, "csv": read_frame}


def refused(read: Callable[[str], Any], path: str) -> str:
    """The one sentence with which a reader refuses an artefact, which must name it."""
    with pytest.raises(LacunaError) as error:
        read(path)
    message = str(error.value)
    assert path in message
    assert "\n" not in message
    assert ". " not in message.replace("...", "")
    return message


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    read, written = read_tensors(make("safetensors", tmp_path)), tensors()
    assert read.keys() == written.keys()
    for name, tensor in written.items():
        assert torch.equal(read[name], tensor)
        assert read[name].dtype == tensor.dtype


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_tables_come_back_as_they_were(kind: str, tmp_path: Path) -> None:
    read, written = read_frame(make(kind, tmp_path)), frame()
    if kind == "csv":
        read["source"] = pd.Categorical(read["source"].fillna(""))
    pd.testing.assert_frame_equal(read, written)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_content_gives_equal_bytes_and_an_equal_stable_part(kind: str, tmp_path: Path) -> None:
    path = make(kind, tmp_path, Record("train", SETTINGS, volatile={"device": "cpu"}))
    content, stable, digest = Path(path).read_bytes(), stable_part(path), provenance_digest(path)
    whole = json.loads(provenance_path(path).read_text())
    Path(path).unlink()
    make(kind, tmp_path, Record("train", SETTINGS, volatile={"device": "cuda"}, started=0))
    assert Path(path).read_bytes() == content
    assert stable_part(path) == stable
    assert provenance_digest(path) == digest
    assert json.loads(provenance_path(path).read_text())["volatile"] != whole["volatile"]


def test_the_order_of_tensors_does_not_change_their_bytes(tmp_path: Path) -> None:
    contents = []
    for name, order in (("one", 1), ("two", -1)):
        write_tensors(str(tmp_path / name), dict(list(tensors().items())[::order]), Record("train", "{}"))
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]


def test_the_stable_part_says_what_decided_the_bytes(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_text(name)
    names = [str(tmp_path / name) for name in ("b", "a")]
    facts = {"parameters": 3}
    path = make("csv", tmp_path, Record("train", SETTINGS, inputs=names, code=names[:1], facts=facts))
    stable = stable_part(path)
    assert stable["artefact"] == path
    assert stable["stage"] == "train"
    assert stable["settings"] == json.loads(SETTINGS)
    assert stable["settings_digest"] == text_digest(SETTINGS) == reference_sha256(SETTINGS.encode()).hexdigest()
    assert stable["inputs"] == {name: reference_sha256(Path(name).read_bytes()).hexdigest() for name in names}
    assert {"torch", "numpy", "pandas", "safetensors", "python"} <= stable["versions"].keys()
    assert stable["versions"]["torch"] == version("torch")
    assert stable["facts"] == facts
    assert stable["sha256"] == reference_sha256(Path(path).read_bytes()).hexdigest() == sha256(path)
    assert len(provenance_digest(path)) == 16

    volatile = json.loads(provenance_path(path).read_text())["volatile"]
    assert {"commit", "dirty", "host", "seconds"} <= volatile.keys()
    assert volatile["code"] == {names[0]: sha256(names[0])}
    assert not {"commit", "dirty", "host", "seconds", "device"} & stable.keys()


@pytest.mark.parametrize("change", ["settings", "facts", "input"])
def test_any_difference_in_the_stable_part_changes_its_digest(change: str, tmp_path: Path) -> None:
    read = tmp_path / "input"
    read.write_text("1")
    first = provenance_digest(make("csv", tmp_path, Record("train", SETTINGS, [str(read)])))
    if change == "input":
        read.write_text("2")
    settings, facts = SETTINGS.replace("3", "4") if change == "settings" else SETTINGS, {"a": 1}
    record = Record("train", settings, [str(read)], facts=facts if change == "facts" else {})
    assert provenance_digest(make("csv", tmp_path, record)) != first


@pytest.mark.parametrize("trial", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_one_flipped_bit_anywhere_is_refused(kind: str, trial: int, tmp_path: Path) -> None:
    path = make(kind, tmp_path)
    content = bytearray(Path(path).read_bytes())
    place = [0, len(content) - 1, *np.random.default_rng(trial).integers(0, len(content), 2)][trial]
    content[place] ^= 1 << trial
    Path(path).write_bytes(content)
    assert "changed since it was made" in refused(READERS[kind], path)
    refused(verify, path)


@pytest.mark.parametrize("length", [0, 1, 100, -1])
@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_or_longer_file_is_refused(kind: str, length: int, tmp_path: Path) -> None:
    path = make(kind, tmp_path)
    whole = Path(path).read_bytes()
    for content in (whole[:length], whole + b"\n"):
        Path(path).write_bytes(content)
        assert "changed since it was made" in refused(READERS[kind], path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_without_provenance_is_refused(kind: str, tmp_path: Path) -> None:
    path = make(kind, tmp_path)
    provenance_path(path).unlink()
    assert "no provenance" in refused(READERS[kind], path)
    refused(provenance_digest, path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b"[]", b"null", b"{}", b'{"stable": 5}', b'{"stable": null}', b'{"stable": {}}'],
)
def test_a_file_with_unreadable_provenance_is_refused(content: bytes, tmp_path: Path) -> None:
    path = make("parquet", tmp_path)
    provenance_path(path).write_bytes(content)
    refused(read_frame, path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_gone_while_its_provenance_stays_is_refused(kind: str, tmp_path: Path) -> None:
    path = make(kind, tmp_path)
    Path(path).unlink()
    refused(READERS[kind], path)


def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            assert path.read_text() == "old"
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]
    write_text(str(path), "ü")
    assert path.read_text(encoding="utf-8") == "ü"
    assert os.listdir(tmp_path) == ["table.csv"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_failing_writer_leaves_nothing_half_written(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **_: Any) -> None:
        next(Path(a) for a in arguments if isinstance(a, Path)).write_bytes(b"half")
        raise RuntimeError("disk full")

    monkeypatch.setattr("safetensors.torch.save_file", fail)
    monkeypatch.setattr(pd.DataFrame, "to_parquet", fail)
    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        make(kind, tmp_path)
    assert os.listdir(tmp_path / "deep") == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_successful_write_leaves_the_file_and_its_provenance_only(kind: str, tmp_path: Path) -> None:
    path = make(kind, tmp_path)
    assert sorted(os.listdir(tmp_path / "deep")) == [f"made.{kind}", f"made.{kind}.prov.json"]
    assert str(provenance_path(path)) == f"{path}.prov.json"


def commit_of(path: str) -> tuple[Any, Any]:
    volatile = json.loads(provenance_path(path).read_text())["volatile"]
    return volatile["commit"], volatile["dirty"]


@pytest.mark.parametrize("without", ["program", "repository"])
def test_without_git_the_commit_is_null(without: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if without == "program":
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        monkeypatch.chdir(tmp_path)
    path = make("parquet", tmp_path)
    assert commit_of(path) == (None, None)
    assert len(read_frame(path)) == 20


def test_with_git_the_commit_and_the_dirty_flag_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"rev-parse": "abc\n", "status": " M file\n"}

    def git(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, answers[command[1]])

    monkeypatch.setattr(artefacts.subprocess, "run", git)
    assert commit_of(make("csv", tmp_path)) == ("abc", True)
    answers["status"] = ""
    assert commit_of(make("csv", tmp_path)) == ("abc", False)


@pytest.mark.parametrize("kind", ["safetensors", "parquet", "csv"])
def test_whoever_may_read_new_files_may_read_artefacts(kind: str, tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    assert Path(make(kind, tmp_path)).stat().st_mode == (tmp_path / "other").stat().st_mode
