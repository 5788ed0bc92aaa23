"""From the digits of a cell to everything behind it."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from forging import age, edit_record

from lacuna.errors import LacunaError
from lacuna.files.artefacts import Record, provenance_digest, write_frame, write_tensors
from lacuna.plan.own import own_code
from lacuna.trace import describe_artefact, find_artefact


@pytest.fixture
def chain(tmp_path: Path) -> tuple[str, str, str]:
    """A dataset, a checkpoint made from it, and outcomes made from both."""
    data, weights, outcomes = (str(tmp_path / name) for name in ("d.safetensors", "w.safetensors", "o.csv"))
    write_tensors(data, {"x": torch.arange(4)}, Record("dataset", '{"title":"t"}'))
    write_tensors(weights, {"w": torch.ones(2)}, Record("train", '{"seed":7}', [data]))
    write_frame(outcomes, pd.DataFrame({"a": [1]}), Record("evaluate", "{}", [data, weights]))
    return data, weights, outcomes


def test_the_digits_lead_to_the_artefact_and_all_it_was_made_from(chain: tuple[str, str, str], tmp_path: Path) -> None:
    data, weights, outcomes = chain
    assert find_artefact(provenance_digest(outcomes), tmp_path) == outcomes
    lines = list(describe_artefact(outcomes))
    assert [line.split()[0] for line in lines if tmp_path.name in line] == [outcomes, data, weights, data]
    assert sum("as made" in line for line in lines) == 3
    assert any('{"seed": 7}' in line for line in lines)
    assert lines[-1].endswith("(above)")


def test_changed_and_missing_files_are_marked(chain: tuple[str, str, str]) -> None:
    data, weights, outcomes = chain
    Path(weights).write_bytes(b"other")
    Path(data).unlink()
    text = "\n".join(describe_artefact(outcomes))
    assert f"{data}  GONE" in text
    assert text.count("CHANGED SINCE IT WAS MADE") == 2


@pytest.mark.parametrize("digits", ["", "12", "0" * 16])
def test_digits_that_lead_nowhere_are_one_sentence(chain: tuple[str, str, str], tmp_path: Path, digits: str) -> None:
    with pytest.raises(LacunaError) as error:
        find_artefact(digits, tmp_path)
    assert "\n" not in str(error.value)


def test_a_broken_provenance_elsewhere_does_not_hide_others(chain: tuple[str, str, str], tmp_path: Path) -> None:
    (tmp_path / "a.csv.prov.json").write_text("{")
    assert find_artefact(provenance_digest(chain[2]), tmp_path) == chain[2]


def test_a_record_that_cannot_be_trusted_is_marked_and_the_rest_is_told(chain: tuple[str, str, str]) -> None:
    data, weights, outcomes = chain
    edit_record(weights, lambda record: record["volatile"].update(commit="0" * 40))
    text = "\n".join(describe_artefact(outcomes))
    assert f"ITS RECORD CANNOT BE TRUSTED: {weights}.prov.json was changed since it was written" in text
    assert f"{data}  sha256" in text


def test_a_record_that_was_sealed_again_is_not_the_one_that_was_read(chain: tuple[str, str, str]) -> None:
    _, weights, outcomes = chain
    edit_record(weights, lambda record: record["stable"]["versions"].update(torch="9"), seal=True)
    lines = list(describe_artefact(outcomes))
    assert [line.split()[0] for line in lines if "ITS RECORD IS NOT THE ONE THAT WAS READ" in line] == [weights]


def test_records_of_the_older_format_are_told_and_named(chain: tuple[str, str, str]) -> None:
    age(chain[2])
    lines = list(describe_artefact(chain[2]))
    assert [line.split()[0] for line in lines if "record of the older format" in line] == [chain[2]]
    assert len([line for line in lines if "as made" in line]) == 3


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff", b"null", b'{"stable": {}, "volatile": 1}'])
def test_hostile_records_do_not_stop_a_trace(chain: tuple[str, str, str], tmp_path: Path, content: bytes) -> None:
    Path(f"{chain[0]}.prov.json").write_bytes(content)
    (tmp_path / "a.csv.prov.json").mkdir()
    assert find_artefact(provenance_digest(chain[2]), tmp_path) == chain[2]
    assert "ITS RECORD CANNOT BE TRUSTED" in "\n".join(describe_artefact(chain[2]))


def test_own_code_is_found_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/__init__.py").write_text("raise RuntimeError")
    (tmp_path / "pack/part.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert own_code("pack.part:thing") == ["pack/part.py"]
    assert own_code("torch.nn:Linear") == []
    assert own_code("no.such:thing") == []
