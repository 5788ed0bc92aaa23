"""Claims that name what no cell has: refused before the first job, since they would never be judged. No torch here."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from lacuna.claims.relations import Selector, load_claims, selectors_of, texts_of
from lacuna.config.joined import known
from lacuna.language.exhibits import cell_codes
from lacuna.plan.plan import Plan

Codes = dict[str, set[str]]  # every code of a paper's cells, by key


class Stray(NamedTuple):
    """A value of a claim's selector that no cell has: where it stands, and what there is."""

    claim: str
    place: str
    value: str
    allowed: frozenset[str]


def refuse_stray_claims(plan: Plan, root: Path) -> None:
    """Raises `LacunaError` for the first value of a claim's selector that no cell of the paper has at this scale.

    Papers of which the scale lacks an exhibit are passed over: what their claims name may be there.
    """
    unknown = {one.paper for one in plan.config.incomplete.values()}
    for paper in plan.lookup.claimed:
        for stray in find_stray(plan, paper, root) if paper not in unknown else ():
            file = plan.config.sources[paper].claims
            known(file, f"claims.{stray.claim}.{stray.place}", stray.value, stray.allowed)


def find_stray(plan: Plan, paper: str, root: Path) -> Iterator[Stray]:
    """Every value of the claims' selectors that no cell of the paper has, as the claims have it."""
    file, names = plan.config.sources[paper].claims, plan.lookup.claim_names(paper)
    claims, codes = load_claims(root, paper, file), _codes(plan, paper)
    for claim, written in zip(claims.named(names).claims, claims.claims, strict=True):
        for i, (block, original) in enumerate(zip(claim.compare, written.compare, strict=True)):
            for selector, said in zip(selectors_of(block), selectors_of(original), strict=True):
                for key, value in _stray(selector, said, codes):
                    allowed = frozenset({*codes[key], *names.get(key, {})} - {""})
                    yield Stray(claim.id, f"compare[{i}], {key}", value, allowed)


def _codes(plan: Plan, paper: str) -> Codes:
    codes: Codes = {}
    ensembles = plan.lookup.exhibits.parts["ensembles"]
    for table in plan.lookup.tables_of(paper):
        for cell in plan.lookup.cells(table):
            for key, code in (cell_codes(cell, ensembles) | {"exhibit": table}).items():
                codes.setdefault(key, set()).add(code)
        codes.setdefault("dataset", set()).add(plan.lookup.dataset_of(table))
    return codes


def _stray(selector: Selector, said: Selector, codes: Codes) -> Iterator[tuple[str, str]]:
    """Values that match no code, as the claim has them."""
    for key, values in selector.items():
        for text, original in zip(texts_of(values), texts_of(said[key]), strict=True):
            if not any(fnmatchcase(code, text) for code in codes[key]):
                yield key, original
