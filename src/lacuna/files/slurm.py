"""What Slurm's queue says of a job."""

import os
import re
import subprocess
from typing import Literal

RUN = "LACUNA_RUN"  # environment of jobs that a run submitted: its folder (lacuna.jobs.outages)
QueueState = Literal["gone", "alive", "ending", "unknown"]
LEFT = re.compile(r"(?:(\d+)-)?(?:(?:(\d+):)?(\d+):)?(\d+)")  # days-hours:minutes:seconds, as squeue writes it


def queue_state(job: str) -> QueueState:
    """What the queue says of a job. Finished jobs are not in the queue."""
    if (done := _asked(job, "%T")) is None:
        return "unknown"
    if done.returncode != 0:
        return "gone" if "Invalid job id" in done.stderr else "unknown"
    states = set(done.stdout.split())
    return "gone" if not states else "ending" if states == {"COMPLETING"} else "alive"


def seconds_left() -> float | None:
    """How long Slurm lets this job run; None where no run submitted it, without a limit, and where Slurm does not say.

    Somebody's own allocation, in which a run works on one machine, is not the run's to end.
    """
    job = os.environ.get("SLURM_JOB_ID", "") if RUN in os.environ else ""
    if not job.isdigit() or (done := _asked(job, "%L")) is None:
        return None
    found = LEFT.fullmatch(done.stdout.strip())
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0, 0)
    return float(((24 * days + hours) * 60 + minutes) * 60 + seconds) if found else None


def _asked(job: str, column: str) -> subprocess.CompletedProcess[str] | None:
    """The answer to a question about a job; None where there is nobody to ask, or no answer in a minute."""
    try:
        command = ["squeue", "--noheader", f"--format={column}", f"--jobs={job}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
