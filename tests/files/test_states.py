"""A state is gone on from where all of it is as it was kept, on a machine that rounds alike; else one line says why."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from lacuna.files import states
from lacuna.files.artefacts import Record, arithmetic, provenance_path, write_text
from lacuna.files.states import Resumable

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor([1, 2], dtype=torch.int64)}
HERE = {"cpu_capability": "AVX2"}


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "arithmetic", lambda: HERE)


def kept(folder: Path) -> Path:
    path = folder / "state.safetensors"
    Resumable(path, "d").save(2, TENSORS)
    return path


def note_of(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as file:
        return dict(json.loads(file.metadata()["state"]))


def loaded(path: Path, digest: str = "d") -> tuple[int, list[str]]:
    """The steps that are gone on from, and what was said."""
    said: list[str] = []
    done, tensors = Resumable(path, digest, said.append).load()
    assert bool(tensors) == bool(done)
    return done, said


def test_a_state_as_it_was_kept_is_gone_on_from_without_a_word(tmp_path: Path) -> None:
    assert loaded(kept(tmp_path)) == (2, [])
    assert loaded(tmp_path / "none") == (0, [])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(
            ("done", 6),
            ("done", 1),
            ("done", "2"),
            ("done", None),
            ("digest", "e"),
            ("machine", {"cpu_capability": "AVX512"}),
        ),
        *(("machine", {}), ("seal", "0" * 64), ("seal", None), ("further", 1)),
    ],
)
def test_every_change_of_the_note_is_noticed(tmp_path: Path, key: str, value: Any) -> None:
    path = kept(tmp_path)
    save_file(TENSORS, path, {"state": json.dumps({**note_of(path), key: value})})
    done, said = loaded(path, "e" if key == "digest" else "d")
    assert done == 0
    assert len(said) == 1
    assert "begins afresh" in said[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda t: {**t, "a": t["a"].view(3, 2)},
        lambda t: {**t, "a": t["a"].view(torch.int32)},
        lambda t: {**t, "b": t["b"].flip(0)},
        lambda t: {"a": t["a"]},
        lambda t: {**t, "c": torch.zeros(1)},
        lambda t: {"a": t["a"], "B": t["b"]},
    ],
)
def test_every_change_of_shapes_types_names_and_numbers_is_noticed(tmp_path: Path, change: Callable[..., Any]) -> None:
    path = kept(tmp_path)
    save_file(change(TENSORS), path, {"state": json.dumps(note_of(path))})
    done, said = loaded(path)
    assert done == 0
    assert "is damaged" in said[0]


def test_a_state_of_other_settings_or_of_an_older_version_begins_afresh_with_a_sentence(tmp_path: Path) -> None:
    path = kept(tmp_path)
    assert "other settings, inputs, code or versions" in loaded(path, "e")[1][0]
    save_file(TENSORS, path, {"state": json.dumps({"content": "0" * 64, "digest": "d", "done": 2})})
    done, said = loaded(path)
    assert done == 0
    assert "damaged or of an older version" in said[0]


@pytest.mark.parametrize("there", [{"cpu_capability": "DEFAULT"}, {}, {"cpu_capability": "AVX2", "gpu": "NVIDIA H200"}])
def test_a_state_of_another_machine_is_passed_over_with_a_sentence(
    tmp_path: Path, there: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kept(tmp_path)
    monkeypatch.setattr(states, "arithmetic", lambda: there)
    done, said = loaded(path)
    assert done == 0
    assert "another kind of machine (AVX2, here " in said[0]


CAPABILITY = """
import sys, torch
from pathlib import Path
from lacuna.files.states import Resumable
state = Resumable(Path(sys.argv[1]), "d", print)
done, _ = state.load()
print("done", done)
if not done:
    state.save(3, {"a": torch.zeros(2)})
"""


def test_a_process_with_other_kernels_of_torch_does_not_go_on(tmp_path: Path) -> None:
    def run(**environment: str) -> str:
        command = [sys.executable, "-c", CAPABILITY, str(tmp_path / "state")]
        return subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
        ).stdout

    assert run() == "done 0\n"
    assert run() == "done 3\n"
    if torch.backends.cpu.get_cpu_capability() != "DEFAULT":
        assert "here DEFAULT" in run(ATEN_CPU_CAPABILITY="default")


def test_a_record_states_the_kernels_in_its_volatile_part_only(tmp_path: Path) -> None:
    record = Record("train", "{}")
    write_text(str(tmp_path / "a"), "x")
    record.write(str(tmp_path / "a"))
    content = json.loads(provenance_path(tmp_path / "a").read_text())
    assert (
        content["volatile"]["cpu_capability"]
        == torch.backends.cpu.get_cpu_capability()
        == arithmetic()["cpu_capability"]
    )
    assert "cpu_capability" not in json.dumps(content["stable"])


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 600), st.binary(min_size=1, max_size=3))
def test_500_damaged_states_are_never_gone_on_from(tmp_path_factory: Any, at: int, replaced: bytes) -> None:
    path = kept(tmp_path_factory.getbasetemp())
    content = path.read_bytes()
    at %= len(content)
    path.write_bytes(content[:at] + replaced + content[at + len(replaced) :])
    said: list[str] = []
    done, tensors = Resumable(path, "d", said.append).load()
    assert (done, len(said)) in ((0, 1), (2, 0))
    if done:
        assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
