"""``python -m lacuna.catalogue.readme`` writes what can be asked for into README.md, between two marks."""

import csv
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from math import ceil
from pathlib import Path

from lacuna.cost import estimate
from lacuna.errors import LacunaError
from lacuna.files.artefacts import write_text
from lacuna.jobs.commands import command
from lacuna.plan.checkout import plan_of_checkout
from lacuna.plan.plan import Plan

README, RESULTS = Path("README.md"), Path("docs/results")
BEGIN, END = "<!-- written by make aliases -->", "<!-- to here -->"
FIRST = ("defective", "dual", "advdrop")  # papers in the order of the page; the others follow
SMALL, LARGE, CORES = "demo", "paper", 2  # scales whose costs are stated, and the cores that share the first
NUMBERED = re.compile(r"(?:^|-)(?:table|figure)\d+$")
FOLLOWING = re.compile(r"(`[a-z-]+figure\d+`), (?:`[a-z-]+figure\d+`, )+(`[a-z-]+figure\d+`)")
HEAD = ["| table | title | minutes, two cores | hours, one GPU | built at |", "|---|---|---|---|---|"]


def listed(small: Plan, large: Plan) -> str:
    """A Markdown table: a line for each table, and one for all figures of a paper."""
    papers = [*FIRST, *(paper for paper in small.config.papers if paper not in FIRST)]
    lines = [line for paper in papers for line in _lines(small, large, paper)]
    return "\n".join([BEGIN, *HEAD, *lines, END])


def renewed(text: str, new: str) -> str:
    """A page with another list between its marks. Raises `LacunaError` where a mark is missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise LacunaError(f"{README} lacks the marks {BEGIN} and {END}, one after the other")
    return before + new + after


def _lines(small: Plan, large: Plan, paper: str) -> list[str]:
    """The lines of a paper: its numbered tables, all others, its figures."""
    lines = []
    for group in _groups(small, paper):
        times = [max(estimate(plan, [name], True).seconds for name in group) for plan in (small, large)]
        lines.append(_line(_tables(small, group), times, _built_at(group, ".cells.csv")))
    figures = [name for name, (owner, _) in small.lookup.figures.items() if owner == paper]
    if figures and figures != small.lookup.tables_of(paper):
        times = [estimate(plan, figures, True).seconds for plan in (small, large)]
        lines.append(_line((f"{len(figures)} figures", _quoted(figures)), times, _built_at(figures, ".png")))
    return lines


def _line(named: tuple[str, str], times: Sequence[float], built: str) -> str:
    minutes, hours = ceil(times[0] / 60 / CORES), times[1] / 3600
    return f"| {' | '.join(named)} | {max(1, minutes)} | {f'{hours:.1f}' if hours >= 0.05 else '<0.1'} | {built} |"


def _groups(plan: Plan, paper: str) -> list[list[str]]:
    """The tables of a paper by lines.

    Numbered ones that follow each other and whose titles differ in the last word share one, and so do all without a
    number, which are more than a paper's own.
    """
    tables = plan.lookup.tables_of(paper)
    numbered = [name for name in tables if NUMBERED.search(name)]
    alike = groupby(numbered, lambda name: _title(plan, name).rpartition(" ")[0] or name)
    others = [name for name in tables if name not in numbered]
    return [*([*group] for _, group in alike), *[others] * bool(others)]


def _title(plan: Plan, table: str) -> str:
    return str(plan.lookup.tables[table][1]["title"])


def _tables(plan: Plan, group: Sequence[str]) -> tuple[str, str]:
    """Names and title of a line; each of several tables takes what the line says, or less."""
    first, *others = [_title(plan, name) for name in group]
    if not others:
        return f"`{group[0]}`{', and a figure' * (group[0] in plan.lookup.figures)}", first
    if NUMBERED.search(group[0]):
        return f"`{group[0]}` to `{group[-1]}`, each", ", ".join([first, *(one.rpartition(" ")[2] for one in others)])
    return f"{len(group)} more tables, each at most", _quoted(group)


def _quoted(names: Iterable[str]) -> str:
    """Names, of which more than two that are numbered one after the other are shortened."""
    return FOLLOWING.sub(r"\1 to \2", ", ".join(f"`{name}`" for name in names))


def _built_at(names: Sequence[str], ending: str) -> str:
    """The scales of committed results that hold these, each with a link to its page, and how many where not all."""
    held: dict[str, str] = {}
    for page in sorted(RESULTS.rglob("README.md")):
        there = [page.with_name(f"{name}{ending}") for name in names if page.with_name(f"{name}{ending}").exists()]
        if there:
            share = "" if len(there) == len(names) else f", {len(there)} of {len(names)}"
            held[_scale(there[0])] = f"[{_scale(there[0])}{share}]({page})"  # the page of a paper after that of all
    return ", ".join(held.values()) or "-"


def _scale(path: Path) -> str:
    """The scale of a committed file: the cells beside it say it, or its own."""
    with min(path.parent.glob("*.cells.csv")).open(newline="") as file:
        return str(next(csv.DictReader(file))["scale"])


def main() -> None:
    """Writes the list into README.md of the working directory."""
    new = listed(*map(plan_of_checkout, (SMALL, LARGE)))
    write_text(str(README), renewed(README.read_text(), new))


if __name__ == "__main__":
    with command():
        main()
