"""``python -m lacuna.cost``: what every table costs; with targets, how a run of them would go on a machine.

``--learn`` writes down what finished jobs took, as every run does at its end.
"""

import argparse
import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from lacuna.cost.estimates import table
from lacuna.cost.learning import learn
from lacuna.cost.learnt_file import PLACE, read_learnt
from lacuna.cost.report import basis, report
from lacuna.cost.simulation import Machine, Schedule, simulate
from lacuna.cost.targets import jobs_of
from lacuna.jobs.commands import command
from lacuna.jobs.progress import clock
from lacuna.plan.again import changed_code, made_again
from lacuna.plan.checkout import plan_of_checkout
from lacuna.plan.plan import Plan
from lacuna.plan.presence import refuse_incomplete

GPU_MEMORY = 140.0  # GB, of the NVIDIA H200 whose throughput config/scales/paper.yaml has
PICTURES = (".svg", ".png")


def main(arguments: Sequence[str] | None = None) -> None:
    """Does what the arguments ask. Raises `LacunaError` for targets that are not made here."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if not asked.targets and (asked.gpus or asked.cores or asked.gantt or asked.whole):
        parser.error("a simulation needs targets, such as tables/table3.csv")
    if asked.gantt and asked.gantt.suffix not in PICTURES:
        parser.error(f"--gantt takes a file that ends with {' or '.join(PICTURES)}")
    plan = plan_of_checkout(asked.scale)
    if asked.learn:
        print(f"{PLACE} holds what {learn(plan)} finished jobs of scale {plan.config.scale} took.")
    else:
        plan.learnt = read_learnt(plan.config.scale)
        print("\n".join(_simulated(plan, asked) if asked.targets else table(plan)))


def _simulated(plan: Plan, asked: Namespace) -> list[str]:
    """The report of a simulation, whose picture is written where one is asked for."""
    refuse_incomplete(plan, asked.targets)
    again = set() if asked.whole else made_again(plan, [], changed_code(plan, Path())).paths
    schedule = simulate(jobs_of(plan, asked.targets, asked.whole, again), _machine(asked))
    lines = report(plan, schedule, asked.targets)
    if asked.gantt and schedule.spans:
        _draw(plan, schedule, asked)
        lines.append(f"Picture: {asked.gantt}")
    return lines


def _machine(asked: Namespace) -> Machine:
    cores = asked.cores or asked.gpus or os.cpu_count() or 1
    return Machine(cores, asked.gpus, asked.jobs_per_gpu, asked.gpu_memory, asked.slowdown)


def _draw(plan: Plan, schedule: Schedule, asked: Namespace) -> None:
    from lacuna.cost.gantt import draw  # matplotlib, which the words do not need

    title = f"{', '.join(asked.targets)}: {len(schedule.jobs)} jobs, {clock(schedule.makespan)} (estimated)"
    draw(schedule, asked.gantt, title, " ".join([f"Scale {plan.config.scale}.", *basis(plan, schedule)]))


def _positive(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is no number from 1 to 1000")
    return int(text)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no number from 0 to 1")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lacuna.cost", description="What a run costs, and how it would go.")
    parser.add_argument("targets", nargs="*", help="what to simulate, as after `snakemake`; without, the cost of all")
    parser.add_argument("--scale", help="one of config/scales (default: that of config/config.yaml)")
    parser.add_argument("--whole", action="store_true", help="simulate all that the targets need, also what is there")
    parser.add_argument(
        "--cores",
        type=_positive,
        help="cores (default: all); with GPUs those for jobs that use none (default: one for each)",
    )
    parser.add_argument("--gpus", type=_positive, default=0, help="GPUs (default: none)")
    parser.add_argument("--jobs-per-gpu", type=_positive, default=1, help="jobs beside one another on one GPU")
    parser.add_argument(
        "--gpu-memory", type=_positive, default=GPU_MEMORY, help="GB of each GPU (default: %(default)g)"
    )
    slow = "share by which each further job on a GPU slows the others: 0 not at all, 1 they take turns"
    parser.add_argument("--slowdown", type=_share, default=0.0, help=f"{slow} (default: 0)")
    parser.add_argument("--gantt", type=Path, metavar="FILE", help="draw the schedule, as SVG or PNG")
    parser.add_argument("--learn", action="store_true", help="write down what finished jobs took, for later estimates")
    return parser


if __name__ == "__main__":
    with command():
        main()
