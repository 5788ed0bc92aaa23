"""Notes of processes that are damaged or odd are those of writers that are gone."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lacuna.errors import LacunaError
from lacuna.files.owner import own_outputs, owner_path
from lacuna.files.processes import this_process


@pytest.fixture
def output(tmp_path: Path) -> str:
    """An output."""
    return str(tmp_path / "deep/net.safetensors")


@pytest.mark.parametrize(
    "content", ['{"pid": null}', '{"pid": "1"}', '{"pid": true, "host": 1}', "[" * 100_000, "\udcff"]
)
def test_a_damaged_note_is_that_of_a_writer_that_is_gone(output: str, content: str) -> None:
    owner_path(output).parent.mkdir(parents=True, exist_ok=True)
    owner_path(output).write_bytes(content.encode(errors="surrogateescape"))
    with own_outputs([output], print):
        pass
    assert os.listdir(Path(output).parent) == []


@pytest.mark.parametrize("changes", [{"pid": None}, {"pid": "seven"}, {"host": None}, {"pid": 1.5}])
def test_a_note_with_odd_values_is_that_of_a_writer_that_is_gone(output: str, changes: dict[str, Any]) -> None:
    owner_path(output).parent.mkdir(parents=True)
    owner_path(output).write_text(json.dumps(this_process() | changes))
    with own_outputs([output], print):
        pass


def test_what_is_no_file_in_place_of_a_note_is_one_sentence(output: str) -> None:
    owner_path(output).mkdir(parents=True)
    for put in (None, os.mkfifo):
        if put:
            owner_path(output).rmdir()
            put(owner_path(output))
        with pytest.raises(LacunaError, match="is no file"), own_outputs([output], print):
            pass
