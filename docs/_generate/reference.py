"""The pages of the reference, written from what the project itself declares. No torch here."""

import inspect
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import columns
import keys
from tables import Row, table

from lacuna.config.load import load
from lacuna.config.yaml_files import read_yaml
from lacuna.cost import estimate
from lacuna.language.architectures import Architecture
from lacuna.language.attacks import MEASURES, METHODS, OWN_METHOD
from lacuna.language.codes import GRADIENT_METRICS
from lacuna.language.methods import Method, Parameter
from lacuna.language.models import ARCHITECTURES, GRAMMAR, PACKAGED
from lacuna.numbers.metrics import METRICS, unit_of
from lacuna.plan.plan import Plan

# A scale: what its costs are called, how many seconds are one.
SCALES = {
    "demo": ("core-minutes, demo", 60),
    "laptop": ("core-hours, laptop", 3600),
    "paper": ("GPU hours, paper", 3600),
}


def pages(root: Path) -> dict[str, str]:
    """Path below docs/ and Markdown text of each page; ``root`` is the checkout."""
    made = {"exhibits": exhibits(root), "columns": columns.page(root), "metrics": metrics()}
    made |= {"attacks": attacks(), "architectures": architectures()}
    made |= {f"keys-{name}": keys.page(root, name) for name in keys.SCHEMAS}
    return {f"reference/{name}.md": text for name, text in made.items()}


# Tables and figures ----------------------------------------------------------------------------------------------


def exhibits(root: Path) -> str:
    """Every table and figure by name, with what it costs at each scale and where a built one is."""
    chosen = read_yaml(root / "config/config.yaml", root)
    plans = {scale: Plan(load(root, {**chosen, "scale": scale})) for scale in SCALES}
    text = [
        "# Tables and figures",
        "Ask Snakemake for a name: `snakemake tables/table3.csv`, `snakemake figures/defective-figure1.svg`.",
        "Each cost is an estimate for the exhibit alone, from nothing: minutes of one CPU core at the scale `demo`, "
        "hours of one CPU core at `laptop`, hours of one GPU at `paper`. It follows from the plan and from "
        "`throughput` in `config/scales/`. Exhibits share networks and adversarial sets, so several together cost less "
        "than their sum. `python -m lacuna.cost` says what is missing in your checkout; [running it for a week]"
        "(../operations.md#before-what-it-takes) has memory and disk.",
    ]
    for paper, content in plans["demo"].config.papers.items():
        text.append(f"## {content['title']}")
        for kind in ("tables", "figures"):
            text += [f"### {kind.capitalize()} of `{paper}`", _exhibits_of(root, plans, paper, kind)]
    return "\n\n".join(text)


def _exhibits_of(root: Path, plans: Mapping[str, Plan], paper: str, kind: str) -> str:
    head = ["name", "in the paper", "title", *(f"{unit}, {scale}" for scale, (unit, _) in SCALES.items()), "built"]
    rows = []
    for name, (owner, body) in getattr(plans["demo"].lookup, kind).items():
        if owner == paper:
            costs = [estimate(plans[scale], [name], whole=True).seconds / unit for scale, (_, unit) in SCALES.items()]
            printed = f"Table {body['printed']}" if "printed" in body else ""
            rows.append([f"`{name}`", printed, body["title"], *(f"{cost:.1f}" for cost in costs), _built(root, name)])
    return table(head, rows) if rows else "None."


def _built(root: Path, name: str) -> str:
    """Links to the committed tables and figures of a name."""
    docs = root / "docs"
    found = sorted(path for ending in ("md", "png") for path in (docs / "results").rglob(f"{name}.{ending}"))
    words = [(path.relative_to(docs).as_posix(), path.relative_to(docs).parts[1]) for path in found]
    return ", ".join(f"[{run}](../{path})" for path, run in words)


# Metrics ---------------------------------------------------------------------------------------------------------


def metrics() -> str:
    """Every ready-made metric and measure with its unit."""
    counted = [(f"`{name}`", unit_of(name), inspect.getdoc(count) or "") for name, count in METRICS.items()]
    measured = [(f"`{name}`", unit_of(name)) for name in (*MEASURES, *GRADIENT_METRICS)]
    return "\n\n".join(
        [
            "# Metrics",
            "A row or a column of a table names one of these under `metric`, or [a function of your own]"
            "(../extend.md#a-metric). [Which images count](../trace.md#metrics) stands with the columns of a cell.",
            "## Counted from outcomes",
            table(("metric", "unit", "what it is"), counted),
            "## Measured on images",
            "The number is the mean over the images. [What each measures](../trace.md#columns-of-a-measures-file); "
            "[those of gradients](../trace.md#metrics).",
            table(("metric", "unit"), measured),
        ]
    )


# Attacks ---------------------------------------------------------------------------------------------------------


def attacks() -> str:
    """Every attack method: source, parameters, what it needs."""
    text = [
        "# Attacks",
        "An attack's entry names its `method`; each of its `budgets` has these parameters. The letter is how the "
        "attack's code shows the parameter: `pgd_e16_a1_t20` is PGD with epsilon 16/255, step 1/255, 20 steps. "
        "[An attack of your own](../extend.md#an-attack) is a method too.",
    ]
    for name, method in METHODS.items():
        text += [f"## {name}", _about(f"lacuna.attacks.methods.{name}"), _attack(method)]
    own = table(("parameter", "", "allowed", "letter"), _parameters(OWN_METHOD))
    return "\n\n".join([*text, "## An attack of your own", "`module:name`, with these parameters.", own])


def _attack(method: Method) -> str:
    said = {
        "draws random numbers": method.draws,
        "needs the foreground of the images": method.foreground,
        "needs no network": not method.network,
        "is slow, and goes on after an interruption from its last batch": method.resumable,
        "can be used in adversarial training": method.training is not None,
    }
    facts = [f"follows the gradient of the {method.loss.replace('_', '-')}" if method.loss else "follows no gradient"]
    facts += [fact for fact, true in said.items() if true]
    lines = "\n".join(f"* It {fact}." for fact in facts)
    rows = _parameters(method)
    return "\n\n".join([lines, table(("parameter", "", "allowed", "letter"), rows)] if rows else [lines])


def _parameters(method: Method) -> list[Row]:
    kinds = {"required": method.required, "one of these": method.one_of, "optional": method.optional}
    return [
        (f"`{one.name}`", kind, _allowed(one), f"`{one.letter}`" if one.letter else "")
        for kind, parameters in kinds.items()
        for one in parameters
    ]


def _allowed(parameter: Parameter) -> str:
    schema = parameter.value.schema
    return str(schema.get("description") or ", ".join(f"`{word}`" for word in schema["enum"]))


def _about(module: str) -> str:
    """The first paragraph of a module's docstring, which names its source."""
    return (inspect.getdoc(import_module(module)) or "").partition("\n\n")[0].replace("\n", " ")


# Architectures ---------------------------------------------------------------------------------------------------


def architectures() -> str:
    """Every architecture: source, size, where masks stand, what variants it has."""
    text = [
        "# Architectures",
        f"A network's name says all about it: `{GRAMMAR}`, for example `resnet18-bottom0.5-standard-s1m1`. "
        "[A row](../extend.md#a-row) explains the parts; [a network of your own](../extend.md#a-network-with-its-"
        "checkpoint) needs no entry here. The number of parameters is that of the full width, for images of "
        "3 x 32 x 32 and ten classes.",
        table(
            ("name", "parameters", "variants `x2`, `dc`", "spatial dropout, DropBlock", "torchvision's weights"),
            [
                (f"`{name}`", f"{one.parameters:,}", *map(_yes, (one.widths, one.dropout, bool(one.published))))
                for name, one in ARCHITECTURES.items()
            ],
        ),
    ]
    for name, one in ARCHITECTURES.items():
        text += [f"## {name}", _about(f"lacuna.models.architectures.{name}"), _architecture(one)]
    text += [
        "## Networks that come as packages",
        "[Their weights](../extend.md#a-network-that-comes-as-a-package) are ImageNet's. They have no masks and one "
        "width. The number of parameters is that for ten classes.",
        table(
            ("name", "parameters", "images of the weights", "package"),
            [
                (f"`{name}`", f"{one.parameters:,}", f"3 x {one.side} x {one.side}", one.distribution)
                for name, one in PACKAGED.items()
            ],
        ),
    ]
    return "\n\n".join(text)


def _architecture(one: Architecture) -> str:
    places = [f"* Masks with `mask_place: {place}`: {', '.join(sorted(kinds))}." for place, kinds in one.masks.items()]
    blocks = f"* Blocks that count as bottom: {', '.join(map(str, sorted(one.bottom)))}."
    stem = "* A layer before the first block may reduce the image (`stem` in `config/datasets.yaml`)."
    return "\n".join([*places, blocks, *([stem] if one.stem else [])])


def _yes(value: Any) -> str:
    return "yes" if value else ""
