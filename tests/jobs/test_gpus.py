"""Which GPUs the profile gpu shares out, among how many jobs; and what a job makes of its slot. No GPU is needed."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from stages import Stages
from yte import process_yaml

from lacuna.errors import LacunaError
from lacuna.jobs.gpus import GPUS, LEAST, Gpu, find_gpus, known_gpus
from lacuna.plan.exported import PLACES
from lacuna.plan.stages import STAGES
from lacuna.plan.stages.attack import OTHERS

FAKE = """
class _Found:
    def __init__(self, number):
        self.uuid, self.total_memory = f"5f0c2c8e-{number}", (85 - 60 * number) * 10**9 + 7654321

class cuda:
    device_count = staticmethod(lambda: COUNT)
    get_device_properties = staticmethod(_Found)
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on another machine, where nobody said anything."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    for name in (GPUS, "LACUNA_JOBS_PER_GPU", "LACUNA_LARGEST_JOB", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)  # and so at the end of the test


def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """A machine where torch is this code."""
    (tmp_path / "torch.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")


def test_all_gpus_that_torch_finds_are_shared_and_jobs_inherit_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(tmp_path, monkeypatch, FAKE.replace("COUNT", "2"))
    found = [Gpu("GPU-5f0c2c8e-0", 85007, 3), Gpu("GPU-5f0c2c8e-1", 25007, 3)]
    assert find_gpus() == found
    (tmp_path / "torch.py").unlink()
    assert known_gpus() == find_gpus() == found


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (FAKE.replace("COUNT", "0"), "CUDA_VISIBLE_DEVICES is not set"),
        ("raise RuntimeError('the driver is too old')", "RuntimeError: the driver is too old"),
    ],
)
def test_a_machine_without_a_gpu_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, why: str
) -> None:
    machine(tmp_path, monkeypatch, code)
    with pytest.raises(LacunaError) as caught:
        find_gpus()
    assert str(caught.value).startswith(f"torch finds no GPU here ({why}), which the profile gpu is for; run without")


def test_a_gpu_has_as_many_jobs_as_are_stated_and_as_its_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GPUS, "trial0:4, trial1:16,MIG-2:31.5,trial3:140")
    assert [gpu.slots for gpu in known_gpus()] == [1, 2, 3, 3]
    monkeypatch.setenv("LACUNA_JOBS_PER_GPU", "6")
    assert [gpu.slots for gpu in known_gpus()] == [1, 2, 3, 6]
    assert [gpu.memory for gpu in known_gpus()] == [4000, 16000, 31500, 140000]
    assert [gpu.is_trial for gpu in known_gpus()] == [True, True, False, True]


@pytest.mark.parametrize("text", ["0", "x:0", "x", "x:1,x:2", "x:1,", "a/b:1", "../x:1", "x:-1", "x:1e3", ":1"])
def test_gpus_in_another_form_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(GPUS, text)
    with pytest.raises(LacunaError, match=r"^LACUNA_GPUS is .*; allowed: names and gigabytes"):
        known_gpus()


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "1000"])
def test_other_numbers_of_jobs_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(GPUS, "trial0:8")
    monkeypatch.setenv("LACUNA_JOBS_PER_GPU", text)
    with pytest.raises(LacunaError, match=f"^LACUNA_JOBS_PER_GPU is {text}; allowed: a number from 1 to 999"):
        known_gpus()


# gpu/profile.yaml ---------------------------------------------------------------------------------------------------


def profile(root: Path) -> dict[str, Any]:
    """What the profile says here."""
    said: dict[str, Any] = process_yaml((root / "gpu/profile.yaml").read_text())
    return said


def test_the_profile_counts_slots_and_memory_of_all_gpus(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GPUS, "GPU-0:24,GPU-1:80")
    said = profile(root)
    assert said["resources"] == {"gpu_slots": 6, "mem_mb": 104000}
    assert said["cores"] == 6 + len(os.sched_getaffinity(0))
    assert os.environ["LACUNA_LARGEST_JOB"] == "80000"


def test_every_job_that_can_use_a_gpu_takes_a_slot_with_the_memory_of_the_plan(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(GPUS, "GPU-0:10,GPU-1:9")
    asked = profile(root)["set-resources"]
    on_device = {name for name, stage in STAGES.items() if stage.on_device} | {"publish"}
    assert {rule.partition("_")[0] for rule in asked} == on_device
    assert {(one["gpu_slots"], one["needs_gpu"]) for one in asked.values()} == {(1, 1)}
    memory = {
        rule.partition("_")[0]: eval(one["mem_mb"], {"attempt": 1}) for rule, one in asked.items() if "mem_mb" in one
    }
    assert memory == dict.fromkeys(on_device - {"attack", "train"}, 1000 * OTHERS), "rules say that of the two others"
    assert {f"publish_{name}" for name in ("network", "network_of")} == PLACES.keys() <= asked.keys()
    assert LEAST == 1000 * OTHERS


def test_on_trial_gpus_jobs_need_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GPUS, "trial0:24")
    assert {one["needs_gpu"] for one in profile(root)["set-resources"].values()} == {0}


@pytest.mark.parametrize("text", ["0", ""])
def test_a_user_of_the_profile_reads_one_sentence(root: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(GPUS, text)
    monkeypatch.setattr("lacuna.jobs.gpus.PROGRAM", "")
    with pytest.raises(SystemExit, match="allowed: names and gigabytes"):
        profile(root)


# A job --------------------------------------------------------------------------------------------------------------


def test_a_job_says_in_its_log_which_gpu_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(GPUS, "trial0:16")
    monkeypatch.setattr("lacuna.jobs.slots._open", [])
    stages = Stages(tmp_path)
    stages.begin()
    stages.run("dataset")
    assert "GPU" not in (tmp_path / "logs/dataset.log").read_text()
    stages.gpu_slots = 1
    stages.run("train")
    assert (tmp_path / "logs/train.log").read_text().startswith("on GPU trial0, with 1 other jobs at most\n")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "trial0"


def test_a_job_of_the_profile_whose_gpus_are_lost_ends_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        Stages(tmp_path, gpu_slots=1).run("train")
    assert capfd.readouterr().err.startswith("error: LACUNA_GPUS is not set; allowed: ")


def test_nothing_that_a_job_imports_looks_for_gpus(root: Path) -> None:
    """CUDA shows the GPUs that are visible at its first look, and a job takes its slot after its imports."""
    looks = "import torch\n\ndef look(*args):\n    raise AssertionError('looked for GPUs')\n\n"
    looks += "torch.cuda.is_available = torch.cuda.device_count = torch.cuda._lazy_init = look\n"
    scripts = [path for path in (root / "workflow/scripts").glob("*.py") if "prepare_torch" in path.read_text()]
    assert len(scripts) > sum(stage.on_device for stage in STAGES.values())
    imports = {
        ast.unparse(node)
        for path in scripts
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    subprocess.run([sys.executable, "-c", looks + "\n".join(sorted(imports))], check=True)
