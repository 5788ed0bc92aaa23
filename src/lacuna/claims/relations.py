"""A paper's claims as relations between cells: reads a file of claims and finds the comparisons among the cells.

No pandas and no torch here: claims are read before anything runs. `lacuna.claims.verdicts` judges them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

from lacuna.config.schema import check_schema
from lacuna.config.yaml_files import name_of, read_yaml
from lacuna.errors import LacunaError

KEYS = ("exhibit", "target", "keep_prob", "variant", "source", "attack", "metric")
FORMS = ({"left", "right"}, {"left", "value"}, {"chain"}, {"rank", "between", "match", "value"})

Selector = Mapping[str, Any]
Identity = Mapping[str, str]  # the `KEYS` of a cell, and its dataset, as texts
Names = Mapping[str, Mapping[str, Any]]  # by key of cells, what selectors may call a code, or several: name -> code


@dataclass(frozen=True)
class Claim:
    """One claim. ``compare`` holds its relations, or ``reason`` says why it has none.

    ``share`` is the share of comparisons that must hold, ``margin`` by how much they must hold. ``printed`` counts the
    comparisons between printed cells, and those of them that hold.
    """

    id: str
    text: str
    section: str
    stated: str
    compare: tuple[Mapping[str, Any], ...] = ()
    share: float = 1
    margin: float = 0
    reason: str = ""
    printed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PaperClaims:
    """A paper's claims, the images behind its printed numbers, and the cells that say nothing about the paper."""

    paper: str
    claims: tuple[Claim, ...]
    printed_images: tuple[Mapping[str, Any], ...]
    not_applicable: tuple[Mapping[str, Any], ...]

    def named(self, names: Names) -> "PaperClaims":
        """The claims with codes in place of the names that selectors use: of budgets, and of the victim."""
        claims = [replace(one, compare=tuple(_with_codes(list(one.compare), names))) for one in self.claims]
        rules = [tuple(_with_codes(list(part), names)) for part in (self.printed_images, self.not_applicable)]
        return PaperClaims(self.paper, tuple(claims), *rules)

    def exhibits(self) -> list[str]:
        """The exhibits whose cells the claims compare, in the order of the claims: names, not patterns."""
        blocks = [block for claim in self.claims for block in claim.compare]
        found = [name for block in blocks for part in selectors_of(block) for name in texts_of(part.get("exhibit", []))]
        return list(dict.fromkeys(found))

    def reason(self, cell: Identity) -> str:
        """Why a cell says nothing about the paper; empty for a cell that does."""
        return next((str(rule["reason"]) for rule in self.not_applicable if matches(rule["where"], cell)), "")

    def images(self, cell: Identity) -> int | None:
        """The number of images behind a printed number, by the last rule that fits; None where no rule fits."""
        fitting = [int(rule["images"]) for rule in self.printed_images if matches(rule["where"], cell)]
        return fitting[-1] if fitting else None


@dataclass(frozen=True)
class Comparison:
    """``left relation right``, as places in a list of cells.

    With one place on each side it compares two numbers. Without a place on the right it compares a number with
    ``value``. With several places it compares the rank correlation between the two sides with ``value``.
    """

    left: tuple[int, ...]
    right: tuple[int, ...]
    relation: str
    value: float | None = None

    @property
    def members(self) -> tuple[int, ...]:
        """The places of both sides."""
        return (*self.left, *self.right)


def load_claims(root: Path, paper: str, file: str = "") -> PaperClaims:
    """The claims of a paper, from ``file``, which may lie below ``root``; by default config/claims/<paper>.yaml.

    Raises `LacunaError` with one sentence for the first mistake.
    """
    path = root / (file or f"config/claims/{paper}.yaml")
    file = name_of(path, root)
    if not path.is_file():
        raise LacunaError(f"{file} does not exist; it holds the claims of the paper '{paper}'")
    content = read_yaml(path, root)
    check_schema(content, "claims", file, root)
    if (stated := content["paper"]) != paper:
        raise LacunaError(f"{file}, key paper: '{stated}' is not the paper of the file; allowed: {paper}")
    for name, body in content["claims"].items():
        _refuse_malformed(file, name, body)
    claims = tuple(Claim(name, **body) for name, body in content["claims"].items())
    return PaperClaims(content["paper"], claims, tuple(content["printed_images"]), tuple(content["not_applicable"]))


def _refuse_malformed(file: str, name: str, body: Mapping[str, Any]) -> None:
    """Raises `LacunaError` where a claim has no relation and no reason, or a relation of a form that does not exist."""
    if ("compare" in body) == ("reason" in body):
        raise LacunaError(f"{file}: key claims.{name} needs either compare, or reason for why nothing is compared")
    for i, block in enumerate(body.get("compare", [])):
        where = f"{file}, key claims.{name}.compare[{i}]"
        parts = set(block) - {"where", "relation"}
        if not any(form <= parts <= form | {"match"} for form in FORMS):
            allowed = "; ".join(", ".join(sorted(form)) for form in FORMS)
            raise LacunaError(f"{where}: {', '.join(sorted(parts))} is no relation; allowed: {allowed}")
        if block["relation"] == "~" and body["margin"] <= 0:
            raise LacunaError(f"{where}: relation ~ needs a margin above 0, the largest difference that is similar")


def _with_codes(part: Any, names: Names, key: str = "") -> Any:
    """A relation, a rule or a part of one, whose values that are names have become codes."""
    if isinstance(part, Mapping):
        return {inner: _with_codes(value, names, inner) for inner, value in part.items()}
    if isinstance(part, list):
        codes = [_with_codes(value, names, key) for value in part]
        return [one for value in codes for one in (value if isinstance(value, list) else [value])]
    head, plus, rest = str(part).partition("+")  # victim+jpeg95
    found = names.get(key, {}).get(head)
    if found is None or not isinstance(part, str):
        return part
    return [f"{code}{plus}{rest}" for code in found] if isinstance(found, list) else f"{found}{plus}{rest}"


def selectors_of(block: Mapping[str, Any]) -> Iterator[Selector]:
    """The selectors of a relation."""
    yield block.get("where", {})
    for side in (block.get("left", []), block.get("right", []), block.get("chain", [])):
        yield from _sides(side)


def _sides(side: Selector | Sequence[Selector]) -> Sequence[Selector]:
    return [side] if isinstance(side, Mapping) else side


def texts_of(values: Any) -> list[str]:
    """A selector's values, one or several, as texts."""
    return [key_text(value) for value in (values if isinstance(values, list) else [values])]


def key_text(value: Any) -> str:
    """The value of a key as the printed tables write it: 0.5 and 0.50 are both ``0.5``."""
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def matches(selector: Selector, cell: Identity) -> bool:
    """Whether a cell has the selector's codes. A list holds alternatives, and * stands for anything."""
    return _fits(_patterns(selector), cell)


def _patterns(selector: Selector) -> list[tuple[str, list[str]]]:
    return [(key, texts_of(values)) for key, values in selector.items()]


def _fits(patterns: Iterable[tuple[str, list[str]]], cell: Identity) -> bool:
    return all(any(fnmatchcase(cell[key], pattern) for pattern in texts) for key, texts in patterns)


def bottom_keep_probability(cell: Identity) -> str:
    """Keep probability of a cell's bottom layers; empty where they have no masks."""
    return cell["keep_prob"].partition("+")[0] if cell["variant"].startswith("bottom") else ""


def find_comparisons(claim: Claim, cells: Sequence[Identity]) -> list[Comparison]:
    """All comparisons that a claim makes among the cells, in the order of its relations.

    Two cells are compared when they agree in every key of ``match``. Without ``match`` they must agree in every key of
    `KEYS` that neither side names. A cell of the left side is not on the right side too.
    """
    return [found for block in claim.compare for found in _comparisons(block, cells)]


def _comparisons(block: Mapping[str, Any], cells: Sequence[Identity]) -> Iterator[Comparison]:
    pool = _among(block.get("where", {}), range(len(cells)), cells)
    relation, value = block["relation"], block.get("value")
    if "rank" in block:
        yield from _ranks(block, pool, cells)
    elif value is not None:
        yield from (Comparison((i,), (), relation, value) for i in _among(block["left"], pool, cells))
    else:
        sides = block.get("chain") or [block["left"], block["right"]]
        named = {key for side in sides for part in _sides(side) for key in part}
        keys = block.get("match") or [key for key in KEYS if key not in named]
        for left, right in pairwise(sides):
            pairs = _pairs(_among(left, pool, cells), _among(right, pool, cells), keys, cells)
            yield from (Comparison((a,), (b,), relation) for a, b in pairs)


def _among(side: Selector | Sequence[Selector], pool: Iterable[int], cells: Sequence[Identity]) -> list[int]:
    parts = [_patterns(part) for part in _sides(side)]
    return [i for i in pool if any(_fits(part, cells[i]) for part in parts)]


def _shared(cell: Identity, keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(bottom_keep_probability(cell) if key == "keep_bottom" else cell[key] for key in keys)


def _pairs(
    left: Sequence[int], right: Sequence[int], keys: Sequence[str], cells: Sequence[Identity]
) -> Iterator[tuple[int, int]]:
    by_key: dict[tuple[str, ...], list[int]] = {}
    for b in sorted(set(right) - set(left)):
        by_key.setdefault(_shared(cells[b], keys), []).append(b)
    for a in left:
        yield from ((a, b) for b in by_key.get(_shared(cells[a], keys), []))


def _ranks(block: Mapping[str, Any], pool: Sequence[int], cells: Sequence[Identity]) -> Iterator[Comparison]:
    """One comparison per group of ``match`` and pair of ``between``, over the ``rank`` codes that both sides have."""
    groups: dict[tuple[str, ...], dict[str, dict[tuple[str, ...], int]]] = {}
    for i in pool:
        group = groups.setdefault(_shared(cells[i], block["match"]), {})
        group.setdefault(cells[i][block["between"]], {})[_shared(cells[i], block["rank"])] = i
    for group in groups.values():
        for one, other in combinations(group.values(), 2):
            common = [code for code in one if code in other]
            if len(common) > 2:
                left, right = (tuple(side[code] for code in common) for side in (one, other))
                yield Comparison(left, right, block["relation"], block["value"])
