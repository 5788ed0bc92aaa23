"""Which networks, attacks and datasets meet in each exhibit of a paper's file. No torch here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lacuna.language.codes import NO_SOURCE
from lacuna.language.exhibits import Exhibits, joined
from lacuna.language.models import BEHIND, DEFENDED, SELF

Body = Mapping[str, Any]


@dataclass
class Use:
    """What an exhibit, or a panel of one, runs on one dataset: networks, and (attack, source) of adversarial sets.

    ``key`` is the exhibit's in its file, ``role`` what the dataset plays; ``models`` are those of ensembles, and those
    that only choose images, too; ``defenses`` stand before some of them.
    """

    key: str
    role: str
    models: set[str] = field(default_factory=set)
    sets: set[tuple[str, str]] = field(default_factory=set)
    defenses: set[str] = field(default_factory=set)


def uses(content: Body, exhibits: Exhibits) -> Iterator[Use]:
    """Every use of the exhibits of a paper, whose file's ``content`` may name all parts that ``exhibits`` knows."""
    for name, body in content["tables"].items():
        yield from table_uses(name, body, exhibits)
    for name, body in content["figures"].items():
        yield from figure_uses(name, body, exhibits)


def table_uses(name: str, body: Body, exhibits: Exhibits) -> Iterator[Use]:
    """The use of a table."""
    yield _whole(exhibits, _of_table(exhibits, Use(f"tables.{name}", body["dataset"]), body))


def figure_uses(name: str, body: Body, exhibits: Exhibits) -> Iterator[Use]:
    """The uses of a figure, besides those of its table."""
    if "dataset" in body:
        yield _whole(exhibits, _of_figure(exhibits, Use(f"figures.{name}", body["dataset"]), body))
    for line in body.get("lines", []):
        yield Use(f"figures.{name}", line["dataset"], {line["model"]})


def _of_table(exhibits: Exhibits, use: Use, body: Body) -> Use:
    """What a table's cells name; ``self`` and ``defended`` are each network that the suite is tried on."""
    for part in (joined(row, column) for row in body["rows"] for column in body["columns"]):
        use.models.add(part["model"])
        use.defenses |= {part[key] for key in ("defense",) if key in part}
        if "suite" in part:
            suite = exhibits.parts["suites"][part["suite"]]
            whole = BEHIND.join(filter(None, [part["model"], part.get("defense")]))
            own = {SELF: part["model"], DEFENDED: whole}
            sources = [own.get(source, source) for source in suite["sources"]]
            use.sets |= {(attack, source) for attack in suite["attacks"] for source in sources}
    return use


def _of_figure(exhibits: Exhibits, use: Use, body: Body) -> Use:
    use.models |= {*body.get("models", []), *(body[key] for key in ("model",) if key in body)}
    use.defenses |= {body[key] for key in ("defense",) if key in body}
    use.sets |= {(row["attack"], row["source"]) for row in body.get("rows", [])}
    if "suite" in body:  # of sets made without a network
        use.sets |= {(attack, NO_SOURCE) for attack in exhibits.parts["suites"][body["suite"]]["attacks"]}
    return use


def _whole(exhibits: Exhibits, use: Use) -> Use:
    """A use with what its sets are made from: sources, networks that choose their images, sets they are scaled to."""
    attacks = exhibits.parts["attacks"]
    for attack, source in list(use.sets):
        if like := attacks[attack].get("like"):
            use.sets.add((like["attack"], like.get("source", source)))
    chosen = {attacks[attack]["selection"] for attack, _ in use.sets}
    choosing = [model for name in chosen for model in exhibits.parts["selections"][name].get("sources", [])]
    named = {*use.models, *choosing, *(source for _, source in use.sets)}
    use.models = {member for model in named for member in exhibits.members(model)}
    return use
