"""What a simulated run says of itself, in words. No torch here."""

from collections.abc import Sequence

from lacuna.cost.simulation import CORE, GPU, Machine, Schedule, critical_path, simulate
from lacuna.jobs.progress import clock
from lacuna.plan.plan import Plan

SHOWN = 6  # jobs of the critical path


def report(plan: Plan, schedule: Schedule, targets: Sequence[str]) -> list[str]:
    """Lines: machine, makespan and its lower bounds, idle shares, critical path, and what all of it rests on."""
    jobs, machine = schedule.jobs, schedule.machine
    if not jobs:
        return [f"Nothing to be done for {', '.join(targets)}."]
    path, total = critical_path(jobs), sum(job.seconds for job in jobs.values())
    kinds = [kind for kind in (GPU, CORE) if any(span.slot[0] == kind for span in schedule.spans)]
    idle = ", ".join(f"{_slots(machine, kind)} {schedule.idle(kind):.0%}" for kind in kinds)
    lines = [
        f"Estimated, not run: {', '.join(targets)} at scale {plan.config.scale}, {len(jobs)} jobs.",
        f"  machine        {_machine(machine)}",
        f"  makespan       {clock(schedule.makespan)} (estimated){_turns(schedule)}",
        f"  jobs together  {clock(total)} of one slot each",
        f"  idle           {idle}",
        f"  critical path  {clock(sum(jobs[key].seconds for key in path))}, {len(path)} jobs:",
        *(f"    {clock(jobs[key].seconds):>12}  {jobs[key].name}" for key in _longest(schedule, path)),
        *[f"    {'':12}  and {len(path) - SHOWN} shorter ones"] * (len(path) > SHOWN),
    ]
    return [*lines, *basis(plan, schedule)]


def _longest(schedule: Schedule, path: Sequence[str]) -> list[str]:
    """The longest jobs of the path, in its order."""
    kept = sorted(path, key=lambda key: -schedule.jobs[key].seconds)[:SHOWN]
    return [key for key in path if key in kept]


def _slots(machine: Machine, kind: str) -> str:
    count = sum(slot[0] == kind for slot in machine.slots)
    of = "of the GPUs" if kind == GPU else "of the cores"
    return f"{count} slot{'s' * (count != 1)} {of}"


def _machine(machine: Machine) -> str:
    cores = f"{machine.cores} core{'s' * (machine.cores != 1)}"
    if not machine.gpus:
        return cores
    gpus = f"{machine.gpus} GPU{'s' * (machine.gpus != 1)} of {machine.memory:g} GB"
    return f"{gpus} with up to {machine.jobs_per_gpu} jobs each, {cores} for jobs that use no GPU"


def _turns(schedule: Schedule) -> str:
    """What the run would take were the jobs of a GPU to take turns, where several share one and none is measured."""
    machine = schedule.machine
    if machine.gpus == 0 or machine.jobs_per_gpu == 1 or machine.slowdown == 1:
        return ""
    turns = Machine(machine.cores, machine.gpus, machine.jobs_per_gpu, machine.memory, 1)
    return f"; {clock(simulate(schedule.jobs, turns).makespan)} if jobs on one GPU took turns"


def basis(plan: Plan, schedule: Schedule) -> list[str]:
    """Sentences: what the seconds are taken from, and what is assumed."""
    learnt, machine = plan.learnt.jobs, schedule.machine
    known = f"what {learnt} finished jobs on this kind of device took, and else " if learnt else ""
    said = [f"Seconds: {known}throughput in config/scales/{plan.config.scale}.yaml; each job begins in some seconds."]
    if machine.gpus and machine.jobs_per_gpu > 1:
        slow = f"each slows each by {machine.slowdown:.0%}" if machine.slowdown else "they do not slow each other"
        said.append(f"Assumed of jobs on one GPU, since none of it is measured: {slow}.")
    if machine.gpus:
        said.append("A job is assumed to take as much of a GPU's memory as it asks of the machine's.")
    if not all(job.known for job in schedule.jobs.values()):
        said.append("Code of your own takes more; how much is not known.")
    return said
