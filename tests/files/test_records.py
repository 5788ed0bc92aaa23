"""Records: any edit breaks the seal, one digest fixes all behind it, older ones are read, hostile ones are data."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forging import age, edit_record, flip

from lacuna.errors import LacunaError, TamperedError
from lacuna.files import records
from lacuna.files.artefacts import Record, provenance_digest, provenance_path, read_record, sha256, verify, write_text
from lacuna.files.records import FORMAT, OLDER, parse_record, record_text

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file that was made from one with a record and from one without."""
    monkeypatch.chdir(tmp_path)
    for name in ("code.py", "committed.csv"):
        Path(name).write_text(name)
    write("data.txt", "data", ["committed.csv"])
    return write("made.txt", "made", ["data.txt", "committed.csv"])


def write(path: str, content: str, inputs: list[str]) -> str:
    write_text(path, content)
    facts = {"parameters": 3, "shares": {"1": [0.5, float("nan")]}, "words": "ü"}
    Record("train", '{"epochs":3}', inputs, ["code.py"], facts, {"device": "cpu"}).write(path)
    return path


def sentence(read: Callable[[str], Any], path: str) -> str:
    """How a file is refused."""
    with pytest.raises(LacunaError) as error:
        read(path)
    assert "\n" not in str(error.value)
    assert path in str(error.value)
    return str(error.value)


def test_a_record_says_its_format_and_the_digests_of_its_inputs_records(made: str) -> None:
    record = read_record(made)
    assert record.format == FORMAT == record.stable["format"]
    assert record.stable["records"] == {"data.txt": read_record("data.txt").digest}
    assert record.stable["inputs"].keys() == {"data.txt", "committed.csv"}
    assert provenance_digest(made) == record.digest[:16]


EDITS: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("version", lambda record: record["stable"]["versions"].update(torch="9")),
    ("fact", lambda record: record["stable"]["facts"].update(parameters=4)),
    ("stage", lambda record: record["stable"].update(stage="attack")),
    ("commit", lambda record: record["volatile"].update(commit="0" * 40)),
    ("dirty", lambda record: record["volatile"].update(dirty=False)),
    ("device", lambda record: record["volatile"].update(device="cuda")),
    ("code", lambda record: record["volatile"]["code"].update({"code.py": "0" * 64})),
    ("more code", lambda record: record["volatile"]["code"].update({"other.py": "0" * 64})),
    ("extra key", lambda record: record["stable"].update(extra=1)),
    ("extra key outside", lambda record: record.update(extra=1)),
    ("no volatile part", lambda record: record.pop("volatile")),
    ("an empty volatile part", lambda record: record.update(volatile={})),
    ("host", lambda record: record["volatile"].update(host="elsewhere")),
    ("seconds", lambda record: record["volatile"].update(seconds=0.1)),
    ("digest of a record", lambda record: record["stable"]["records"].update({"data.txt": "0" * 64})),
    ("no digests of records", lambda record: record["stable"].pop("records")),
    ("no seal", lambda record: record.pop("seal")),
    ("another seal", lambda record: record.update(seal="0" * 64)),
    ("the older format", lambda record: record["stable"].pop("format")),
    ("a later format", lambda record: record["stable"].update(format=3)),
    ("a format that is true", lambda record: record["stable"].update(format=True)),
]


@pytest.mark.parametrize("change", [change for _, change in EDITS], ids=[name for name, _ in EDITS])
def test_an_edit_of_anything_is_noticed(made: str, change: Callable[[dict[str, Any]], object]) -> None:
    edit_record(made, change)
    with pytest.raises(TamperedError):
        read_record(made)
    sentence(verify, made)


WRITTEN = [
    lambda text: text[:-1],
    lambda text: text + "\n",
    lambda text: text.replace("\n", "\r\n"),
    lambda text: json.dumps(json.loads(text)),
    lambda text: text.replace('"dirty"', '"dirty": true,\n  "dirty"', 1),
    lambda text: text.replace("0.5", "0.50"),
    lambda text: text.replace("\\u00fc", "ü"),
]


@pytest.mark.parametrize("change", WRITTEN)
def test_the_same_said_in_another_way_is_noticed(made: str, change: Callable[[str], str]) -> None:
    """So that no reader sees something else in a record than the check does."""
    record = provenance_path(made)
    record.write_bytes(change(record.read_text()).encode())
    assert "seal" in sentence(verify, made)


def test_every_flipped_bit_and_every_truncation_is_noticed(made: str) -> None:
    record, draw = provenance_path(made), random.Random(0)
    whole = record.read_bytes()
    for _ in range(400):
        record.write_bytes(whole)
        flip(record, draw)
        sentence(verify, made)
    for length in range(0, len(whole), 7):
        record.write_bytes(whole[:length])
        sentence(verify, made)


def test_whoever_seals_an_edit_again_changes_the_digest_that_others_hold(made: str) -> None:
    held = read_record(made).stable["records"]["data.txt"]
    for change in (
        lambda s: s["versions"].update(torch="9"),
        lambda s: s.update(stage="x"),
        lambda s: s.update(more=1),
    ):
        edit_record("data.txt", lambda record: change(record["stable"]), seal=True)  # noqa: B023
        assert read_record("data.txt").digest != held


def test_a_job_does_not_build_on_an_input_with_a_damaged_record(made: str) -> None:
    edit_record("data.txt", lambda record: record["volatile"].update(host="elsewhere"))
    with pytest.raises(LacunaError, match=r"data\.txt\.prov\.json was changed since it was written"):
        Record("train", "{}", ["data.txt"])


# The older format ------------------------------------------------------------------------------------------


def test_a_record_of_the_older_format_is_read_and_known_as_one(made: str) -> None:
    age(made)
    verify(made)
    assert read_record(made).format == OLDER
    Path(made).write_text("other")
    assert "has changed since it was made" in sentence(verify, made)


def test_new_files_hold_the_digests_of_records_of_the_older_format(made: str) -> None:
    age("data.txt")
    write("made.txt", "made", ["data.txt"])
    assert read_record(made).stable["records"] == {"data.txt": read_record("data.txt").digest}


KEPT = sorted((ROOT / "docs/results").rglob("*.prov.json"))


def test_the_published_records_of_before_stay_verifiable() -> None:
    assert len(KEPT) > 40
    for path in KEPT:
        file = str(path).removesuffix(".prov.json")
        assert parse_record(path).stable["sha256"] == sha256(file)


# Hostile records -------------------------------------------------------------------------------------------


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


def sealed(**stable: Any) -> str:
    whole = dict.fromkeys(("artefact", "stage", "settings_digest", "sha256"), "x")
    empty: dict[str, Any] = {key: {} for key in ("inputs", "versions", "facts", "records")}
    return record_text(whole | empty | {"format": FORMAT, "settings": {}} | stable, {})


HOSTILE = {
    "nested beyond what can be read": deep(100_000),
    "nested deeper than settings": sealed(facts={"x": json.loads(deep(200))}),
    "no mapping": "[]",
    "nothing": "null",
    "parts of another kind": '{"stable": 3, "volatile": []}',
    "a number of 10,000 digits": '{"stable": ' + "1" * 10_000 + "}",
    "no text": "\udcff\udcfe",
    "inputs in a list": sealed(inputs=["a"]),
    "a digest that is a number": sealed(inputs={"a": 1}),
    "a digest of a record that is none": sealed(records={"a": None}),
    "a name that is a number": sealed(artefact=1),
    "no sha256": sealed(sha256=None),
    "facts that are text": sealed(facts="x"),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_record_is_one_sentence(made: str, text: str) -> None:
    provenance_path(made).write_bytes(text.encode(errors="surrogateescape"))
    sentence(verify, made)


def folder(path: Path) -> None:
    path.mkdir()


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize("put", [folder, fifo, link_to_itself, link_to_nothing])
def test_what_is_no_file_in_place_of_a_record_is_one_sentence(made: str, put: Callable[[Path], None]) -> None:
    provenance_path(made).unlink()
    put(provenance_path(made))
    sentence(verify, made)


def test_a_record_beyond_all_measure_is_not_read(made: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LONGEST", 100)
    assert "100 bytes" in sentence(verify, made)
