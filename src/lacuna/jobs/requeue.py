"""A Slurm job whose time ends is queued again under its number, and goes on from what it kept.

Snakemake's executor goes on waiting for the number, so that this is no failure and uses up no retry.
"""

import os
import subprocess
import sys
import time
from typing import NoReturn

from lacuna.jobs.progress import Say

PAUSE, PATIENCE = 5.0, 30.0  # seconds between two requests where Slurm does not answer, and for all of them
KILLED = 600.0  # seconds in which Slurm ends what it has queued again
REJECTED = ("disabled", "denied", "not permitted", "Invalid", "not supported", "not requeue")


def requeue(say: Say) -> NoReturn:
    """Queues this job again and waits to be ended. Exits with 1 where Slurm refuses or does not answer in time."""
    job = os.environ["SLURM_JOB_ID"]
    say(f"the time of Slurm job {job} ends soon; it is queued again and goes on from what is kept")
    if reason := _refusal(job):
        say(
            f"error: Slurm does not queue job {job} again ({reason}); the same command goes on from what is kept, or "
            f"give the partition's jobs more time, or have requeues allowed (JobRequeue in slurm.conf)"
        )
        sys.exit(1)
    time.sleep(KILLED)  # SIGTERM ends this
    sys.exit(1)


def _refusal(job: str) -> str:
    """Asks until Slurm answers or the time is over; why it refuses, empty where it does not."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            done = subprocess.run(["scontrol", "requeue", job], capture_output=True, text=True, timeout=PATIENCE)
            accepted, reason = done.returncode == 0, " ".join(done.stderr.split())
        except (OSError, subprocess.TimeoutExpired) as error:
            accepted, reason = False, f"scontrol: {error}"
        if accepted:
            return ""
        if any(word in reason for word in REJECTED) or time.monotonic() > deadline:
            return reason or "no reason given"
        time.sleep(PAUSE)
