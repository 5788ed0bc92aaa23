"""The files of config/ are read by people: short lines, nothing said twice, and a head that says how to use them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lacuna.config.load import load
from lacuna.config.shared import OF_ATTACKS
from lacuna.language.exhibits import CLEAN_METRICS
from lacuna.plan.plan import Plan

ROOT = Path(__file__).parents[2]
FILES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "config").rglob("*.yaml"))
KINDS = ("papers", "scales", "claims")
WIDTH = 120
MANY = 3  # lines that say the same should share it


def head(file: str) -> list[str]:
    """The comment at the beginning of a file, line by line, without its marks."""
    lines = (ROOT / file).read_text().splitlines()
    end = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return [line.removeprefix("#").removeprefix(" ") for line in lines[:end]]


def commands(file: str) -> list[str]:
    """The commands in the head of a file, each on an indented line of its own, without what is said of them."""
    return [line.split("#")[0].strip() for line in head(file) if line.startswith("  snakemake ")]


def test_there_are_files_of_every_kind() -> None:
    assert {Path(file).parent.name for file in FILES} == {"config", *KINDS}


@pytest.mark.parametrize("file", FILES)
def test_no_line_is_longer_than_a_person_reads(file: str) -> None:
    long = [f"{i}: {line}" for i, line in enumerate((ROOT / file).read_text().splitlines(), 1) if len(line) > WIDTH]
    assert not long


@pytest.mark.parametrize("file", FILES)
def test_a_file_begins_with_what_it_is_for_and_a_command(file: str) -> None:
    assert re.match(r"[A-Z].{20}", head(file)[0]), "a sentence"
    assert commands(file), "a command"
    assert not re.search(r"\bTODO\b|\t", (ROOT / file).read_text())


@pytest.mark.parametrize("file", [file for file in FILES if Path(file).parent.name in KINDS])
def test_the_head_of_a_file_says_what_it_takes_and_what_to_expect(file: str) -> None:
    text = " ".join(head(file))
    assert re.search(r"\bExpect\b", text)
    assert re.search(r"\d (minutes|hours|core-hours)", text)
    assert re.search(r"CPU cores|core-hours|NVIDIA H200", text), "the hardware"
    assert re.search(r"docs/\S+\.md|docs/results/", text), "where the numbers are"


@pytest.mark.parametrize("file", FILES)
def test_what_the_commands_ask_for_is_planned(file: str, root: Path) -> None:
    """Every target is one that Snakemake knows, at the scale that the command names."""
    for command in commands(file):
        scale = re.search(r"scale=(\w+)", command) or re.search(r"--profile slurm()", command)
        plan = planned(root, (scale[1] or "paper") if scale else "demo")
        targets = [word for word in command.split()[1:] if re.match(r"(tables|figures|results)\b", word)]
        assert targets
        for target in targets:
            assert target in {"tables", "figures"} | plan, command


PLANNED: dict[str, set[str]] = {}


def planned(root: Path, scale: str) -> set[str]:
    """All that may be asked for at a scale."""
    if scale not in PLANNED:
        plan = Plan(load(root, yaml.safe_load((root / "config/config.yaml").read_text()) | {"scale": scale}))
        PLANNED[scale] = {
            *(f"tables/{name}.csv" for name in plan.lookup.tables),
            *(f"tables/{paper}-claims.csv" for paper in plan.lookup.claimed),
            *(f"figures/{name}.svg" for name in plan.lookup.figures),
            *(artefact.path for artefact in plan.inventory.artefacts()),
        }
    return PLANNED[scale]


def repeated(lines: list[dict[str, Any]], keys: set[str]) -> Iterator[str]:
    """Keys that many lines of a list state, all with one value."""
    for key in keys:
        takers = [line for line in lines if not (line.get("metric") in CLEAN_METRICS and key in OF_ATTACKS)]
        values = [repr(line[key]) for line in takers if key in line]
        if len(values) == len(takers) >= MANY and len(set(values)) == 1:
            yield f"{key}: {values[0]}"


def lists(table: dict[str, Any], side: str) -> Iterator[list[dict[str, Any]]]:
    """The lines of a table's side that may share: those of each group, and those beside the groups."""
    yield [line for line in table[side] if side not in line]
    yield from (line[side] for line in table[side] if side in line)


@pytest.mark.parametrize("file", [file for file in FILES if "papers" in file])
def test_what_all_lines_of_a_table_or_budgets_of_an_attack_say_is_shared(file: str) -> None:
    content = yaml.safe_load((ROOT / file).read_text())
    found = []
    for name, table in content["tables"].items():
        for side in ("columns", "rows"):
            for lines in lists(table, side):
                keys = {key for line in lines for key in line} - {side[:-1], "pair"}
                found += [f"tables.{name}.{side}: {key}" for key in repeated(lines, keys)]
    for name, attack in content["attacks"].items():
        keys = {key for budget in attack["budgets"] for key in budget}
        found += [f"attacks.{name}: {key}" for key in repeated(attack["budgets"], keys)]
    assert not found
