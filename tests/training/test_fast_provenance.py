"""What a job makes with fast steps says so in its record, and the reference's record says nothing of them."""

from pathlib import Path

import pytest
from stages import Stages

from lacuna.files.artefacts import read_tensors, stable_part


def test_records_say_which_steps_made_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stages, made = Stages(tmp_path), {}
    stages.begin()
    stages.run("dataset")
    for fast in ({}, {"fast": True}):
        stages.network |= fast
        stages.run("train")
        record = stable_part("train/net.safetensors")
        assert record["settings"].get("fast", False) is bool(fast)
        made[bool(fast)] = read_tensors("train/net.safetensors")["1.head.weight"], record["settings_digest"]
    assert made[True][1] != made[False][1]
    off = (made[True][0] - made[False][0]).norm() / made[False][0].norm()
    assert 0 < off < 1e-4
