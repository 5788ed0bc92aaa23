"""The GPUs of this machine that jobs share, and up to how many jobs each of them has at a time (gpu/profile.yaml)."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass

from lacuna.errors import LacunaError

GPUS, JOBS_PER_GPU = "LACUNA_GPUS", "LACUNA_JOBS_PER_GPU"  # a user's, and what jobs inherit
BESIDE = 3  # jobs of one thread, of which one computes on the GPU while others read, save or send it work
LEAST = 8000  # megabytes that a job on a GPU asks for at least
TRIAL = "trial"  # begins the names of GPUs that are none
ONE = re.compile(r"([A-Za-z0-9-]{1,60}):([0-9]{1,6}(?:\.[0-9]{1,3})?)")
ALLOWED = "names and gigabytes, such as GPU-5f0c2c8e-9d1b-4e5a-8a55-0a5b8e1f4a11:80, with commas between GPUs"
# In a process of its own: a look at GPUs takes some of their memory, and torch is not imported while a run is planned.
PROGRAM = """
import torch
for number in range(torch.cuda.device_count()):
    found = torch.cuda.get_device_properties(number)
    print(f"GPU-{found.uuid}:{found.total_memory // 1000**2 / 1000}")
"""


@dataclass(frozen=True)
class Gpu:
    """One GPU by its name in ``CUDA_VISIBLE_DEVICES``; its ``memory`` in megabytes, up to ``slots`` jobs at a time."""

    name: str
    memory: int
    slots: int

    @property
    def is_trial(self) -> bool:
        """Whether there is no such GPU: its jobs compute on the processor, to try how jobs are shared out."""
        return self.name.startswith(TRIAL)


def find_gpus() -> list[Gpu]:
    """The GPUs that the user names, or else all that torch finds; this process and its jobs know them from now on.

    Raises `LacunaError` where there are none, or where they are named in another form.
    """
    if not os.environ.get(GPUS):
        os.environ[GPUS] = ",".join(_seen_by_torch())
    return known_gpus()


def known_gpus() -> list[Gpu]:
    """The GPUs that `find_gpus` found. Raises `LacunaError` as it does, and where nobody looked for GPUs."""
    found = [ONE.fullmatch(one.strip()) for one in os.environ.get(GPUS, "").split(",")]
    named = {one[1]: int(1000 * float(one[2])) for one in found if one}
    if len(named) < len(found) or not all(named.values()):
        raise LacunaError(f"{GPUS} is {os.environ.get(GPUS) or 'not set'}; allowed: {ALLOWED}")
    most = _jobs_per_gpu()
    return [Gpu(name, memory, max(1, min(most, memory // LEAST))) for name, memory in named.items()]


def _jobs_per_gpu() -> int:
    text = os.environ.get(JOBS_PER_GPU) or str(BESIDE)
    if not re.fullmatch(r"[1-9][0-9]{0,2}", text):
        raise LacunaError(f"{JOBS_PER_GPU} is {text}; allowed: a number from 1 to 999")
    return int(text)


def _seen_by_torch() -> list[str]:
    """Names and gigabytes of the GPUs of this machine, or of those in ``CUDA_VISIBLE_DEVICES``."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    if done.stdout.strip() and not done.returncode:
        return done.stdout.split()
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "not set")
    why = (done.stderr.strip().splitlines() or [f"CUDA_VISIBLE_DEVICES is {seen}"])[-1]
    raise LacunaError(
        f"torch finds no GPU here ({why}), which the profile gpu is for; run without it, mend the driver, or set "
        f"{GPUS}; allowed: {ALLOWED}"
    )
