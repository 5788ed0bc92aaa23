"""The catalogue as text: aligned columns, without colours."""

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from tabulate import tabulate

from lacuna.catalogue.contents import Contents, Part, magnitudes, part_cost
from lacuna.catalogue.entries import Entry, about
from lacuna.catalogue.states import MEANINGS
from lacuna.cost import cost_of
from lacuna.errors import without_controls
from lacuna.plan.exported import FOLDER, networks
from lacuna.plan.plan import Plan

NARROW = 60  # columns of a terminal below which lines are left as they are


def listing(plan: Plan, found: Sequence[Entry]) -> str:
    """All entries, one a line, and what the words and numbers mean."""
    asked = any(one.jobs is not None for one in found)
    rows = [
        [one.target, one.paper, about(one.whole), _left(one), one.state, *_jobs(one, asked), one.title] for one in found
    ]
    heads = ["snakemake ...", "paper", "whole", "left", "state", *["jobs"] * asked, "title"]
    used = {one.state for one in found}
    meant = [f"{state}: {meaning}." for state, meaning in MEANINGS.items() if state in used]
    learnt = f" and {jobs} finished jobs" if (jobs := plan.learnt.jobs) else ""
    time = f"Times are of one CPU core or one GPU, by config/scales/{plan.config.scale}.yaml{learnt}. A run uses all. "
    counts = f"Scale {plan.config.scale}, seed {plan.config.seed}: {len(found)} tables and figures."
    hint = "`python -m lacuna show <name>` says what one consists of; `--check` asks Snakemake what it would do."
    return "\n".join(
        [
            *(_columns(heads, rows), "", counts, f"{time}What exhibits share counts in each."),
            *(*meant, hint, _exports(plan), _crates(plan)),
        ]
    )


def _crates(plan: Plan) -> str:
    """How exhibits are packed for others, and which of them are."""
    packed = [plan.crates.path(name) for name in plan.crates.parts if Path(plan.crates.path(name)).is_file()]
    return f"`snakemake crates/<name>.zip` packs one for others (docs/crates.md); here: {', '.join(packed) or 'none'}."


def _exports(plan: Plan) -> str:
    """How the networks of these exhibits are exported."""
    known = networks(plan)
    example = next((model for model, datasets in known.items() if len(datasets) == 1), "<network>")
    return (
        f"Any of {len(known)} networks leaves as safetensors and ONNX: `snakemake {FOLDER}/{example}` (docs/models.md)."
    )


def _left(one: Entry) -> str:
    return about(one.left) if one.state in ("missing", "other settings") else ""


def _jobs(one: Entry, asked: bool) -> list[str]:
    return [str(one.jobs)] if asked else []


def as_json(found: Any) -> str:
    """Plain values as JSON."""
    return json.dumps(found, indent=1, ensure_ascii=False)


def shown(plan: Plan, found: Sequence[Entry], contents: Contents, notes: Iterable[str]) -> str:
    """What exhibits of one name consist of, in blocks; ``found`` are the table and the figure of it."""
    heads = [[one.target, one.state, one.title] for one in found]
    paper = plan.config.papers[found[0].paper]["title"]
    blocks = [
        _columns([], heads),
        f"paper    {paper}\nscale    {plan.config.scale}: networks of width {plan.config.settings['width']}",
        _block("datasets", [[name, _dataset(plan, name)] for name in contents.datasets]),
        _block("stand-ins", [[name, f"in place of {what}"] for name, what in contents.stand_ins.items()]),
        _block("networks", [_network(plan, part) for part in contents.networks], NETWORK),
        _block("attacks", [_attack(plan, part) for part in contents.attacks], ATTACK),
        _block("budgets", [[code, _values(budget)] for code, budget in _budgets(contents)]),
        _block("notes", [[line] for note in notes for line in wrap(note, 110)]),
        _files(plan, contents),
    ]
    return "\n\n".join(filter(None, blocks))


NETWORK = ("network", "plays", "epochs", "time", "there")
ATTACK = ("attack", "method", "sources", "images", "budgets", "time", "there")


def _network(plan: Plan, part: Part) -> list[str]:
    epochs = part.facts["epochs"]
    said = "yours" if epochs is None else str(epochs)
    return [part.name, part.facts["plays"], said, about(part_cost(plan, part)), _there(part)]


def _attack(plan: Plan, part: Part) -> list[str]:
    sources = list(dict.fromkeys(part.facts["sources"]))
    named = sources[0] if len(sources) == 1 else f"{len(sources)} networks"
    said = [part.name, part.facts["method"], named, str(part.facts["images"]), magnitudes(part)]
    return [*said, about(part_cost(plan, part)), _there(part)]


def _there(part: Part) -> str:
    count = len(part.artefacts)
    return ("yes" if part.there else "no") if count == 1 else f"{part.there} of {count}"


def _dataset(plan: Plan, name: str) -> str:
    entry = plan.config.datasets[name]
    return f"{entry['title']}: {entry['train']} training and {entry['test']} test images"


def _budgets(contents: Contents) -> list[tuple[str, Any]]:
    return [(code, budget) for part in contents.attacks for code, budget in part.facts["budgets"].items()]


def _values(budget: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in budget.items())


def _files(plan: Plan, contents: Contents) -> str:
    there = sum(Part("", [artefact]).there for artefact in contents.artefacts)
    count = f"files    {there} of {len(contents.artefacts)} are there"
    return f"{count}\n{cost_of(plan, contents.artefacts)}"


def _block(title: str, rows: list[list[str]], heads: Sequence[str] = ()) -> str:
    body = _columns(heads, rows)
    return f"{title}\n" + "\n".join(f"  {line}" for line in body.splitlines()) if rows else ""


def _columns(heads: Sequence[str], rows: list[list[str]]) -> str:
    """Aligned columns; on a terminal lines end at its width."""
    cells = [[without_controls(cell) for cell in row] for row in rows]
    text = tabulate(cells, heads, tablefmt="simple" if heads else "plain", disable_numparse=True)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(f"{line[: width - 1]}…" if NARROW < width < len(line) else line for line in lines)
