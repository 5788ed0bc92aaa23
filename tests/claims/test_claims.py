"""The claims' file against the printed tables, its language against a slow reading of it, and its mistakes."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import yaml
from claimed import claims_with_codes

from lacuna.claims.decisions import advantage, printed_numbers
from lacuna.claims.relations import (
    KEYS,
    Claim,
    Comparison,
    PaperClaims,
    bottom_keep_probability,
    find_comparisons,
    key_text,
    load_claims,
    matches,
)
from lacuna.claims.verdicts import identities, judgements, printed_cells
from lacuna.errors import LacunaError

if TYPE_CHECKING:
    from projects import Project

PAPER_TABLES = {f"table{i}" for i in range(1, 17)}
OURS = {"defective-noise", "defective-at", "defective-whitebox", "defective-pgd-grid"}


@pytest.fixture(scope="session")
def claims(root: Path) -> PaperClaims:
    return claims_with_codes(root, "defective")


@pytest.fixture(scope="session")
def printed(root: Path) -> pd.DataFrame:
    return printed_cells(pd.read_csv(root / "data/printed/defective.csv"))


@pytest.fixture(scope="session")
def found(claims: PaperClaims, printed: pd.DataFrame) -> dict[str, Any]:
    """What the printed cells say about each claim."""
    images = [claims.images(cell) for cell in identities(printed)]
    return judgements(claims, printed, printed_numbers(printed, images))


# The paper's claims against its own numbers ----------------------------------------------------------------


def test_every_claim_makes_the_comparisons_counted_in_the_paper(claims: PaperClaims, found: dict[str, Any]) -> None:
    """The counts of the file were made from the printed tables apart from this language."""
    counts = {}
    for claim in claims.claims:
        pairs = found[claim.id].comparisons
        if claim.printed:
            counts[claim.id] = {"comparisons": len(pairs), "hold": int(pairs["hold"].sum())}
    assert counts == {claim.id: dict(claim.printed) for claim in claims.claims if claim.printed}
    assert len(counts) == 56
    assert sum(count["comparisons"] for count in counts.values()) == 2535


def test_all_claims_are_there_and_each_compares_or_says_why_not(claims: PaperClaims) -> None:
    ids = [claim.id for claim in claims.claims]
    assert ids == [f"DEF{i:02}" for i in range(1, 60)] + [f"OBS{i:02}" for i in range(1, 13)]
    assert [c.id for c in claims.claims if c.reason] == ["DEF19", "DEF43", "DEF53", "DEF54", "DEF57", "DEF58", "DEF59"]
    run_only = [c.id for c in claims.claims if c.compare and not c.printed]
    assert run_only == ["DEF47", "DEF48", "DEF49", "DEF50", "DEF51", "DEF52", "DEF55", "DEF56"]


def test_claims_name_only_exhibits_that_exist(claims: PaperClaims) -> None:
    assert set(claims.exhibits()) == PAPER_TABLES | OURS


@pytest.mark.parametrize(
    ("claim", "exceptions"),
    [
        ("DEF24", {("0.7-Bottom | FGSM_16", "0.7-Bottom, 0.7-Top | FGSM_16")}),
        ("DEF26", {("0.7-Bottom | Acc", "0.7-Bottom, 0.7-Top | Acc")}),
        ("DEF33", {("0.5-Bottom | FGSM_32", "0.5-Bottom_DC | FGSM_32")}),
        ("OBS12", {("ResNet-18 | PGD_16", "ResNet-18 | FGSM_16")}),
    ],
)
def test_the_exceptions_are_those_of_the_paper(
    found: dict[str, Any], claim: str, exceptions: set[tuple[str, str]]
) -> None:
    against = found[claim].comparisons.query("not hold")
    sides = [against[side].str.extract(r"\[(.*)\]")[0] for side in ("left", "right")]
    assert set(zip(*sides, strict=True)) == exceptions


def test_the_order_of_designs_is_as_stable_between_sources_as_printed(found: dict[str, Any]) -> None:
    """The lowest rank correlation between two sources, per attack, computed apart from the printed tables."""
    pairs = found["DEF48"].comparisons
    attack = pairs["left"].str.extract(r"\| (.*?)\]")[0]
    lowest = (0.9 + pairs["advantage"]).groupby(attack).min().round(3).to_dict()
    expected = {"FGSM_8": 0.992, "FGSM_16": 0.986, "FGSM_32": 0.560, "PGD_16": 0.986, "PGD_{2,16}": 0.981}
    assert lowest == expected | {"PGD_32": 0.983, "CW_40": 0.990}
    assert len(pairs) == 6 * 10 + 3  # CW at the same confidence on three sources only


def test_clear_verdicts_on_the_printed_numbers(found: dict[str, Any]) -> None:
    verdicts = {name: finding.verdict for name, finding in found.items()}
    assert {verdicts[name] for name in ("DEF10", "DEF13", "DEF22", "DEF40", "OBS04")} == {"holds for these networks"}
    assert verdicts["DEF39"] == verdicts["DEF42"] == "contradicted"
    assert verdicts["DEF06"] == "inconclusive"  # 0.18 points above the second best, of 10,000 images
    assert verdicts["DEF20"] == "not applicable"  # a printed median has no interval
    assert "supported" not in verdicts.values()


# The language ----------------------------------------------------------------------------------------------

ALPHABET = {
    "exhibit": ["table1", "table2"],
    "target": ["", "a"],
    "keep_prob": ["", "0.5", "0.7+0.3"],
    "variant": ["standard", "bottom", "top"],
    "source": ["x", "y"],
    "attack": ["fgsm_e8", "pgd_e8"],
    "metric": ["m"],
}


def random_cells(seed: int, n: int = 60) -> list[dict[str, str]]:
    draw = np.random.default_rng(seed)
    cells = [dict(zip(KEYS, codes, strict=True)) for codes in itertools.product(*ALPHABET.values())]
    return [cells[i] | {"dataset": "d"} for i in draw.permutation(len(cells))[:n]]


def random_selector(draw: np.random.Generator, keys: int) -> dict[str, Any]:
    chosen = draw.choice(KEYS[:-1], size=keys, replace=False)
    return {str(key): [str(v) for v in draw.permutation(ALPHABET[key])[: draw.integers(1, 3)]] for key in chosen}


def a_claim(**block: Any) -> Claim:
    return Claim("X1", "", "", "yes", (block,))


@pytest.mark.parametrize("seed", range(12))
def test_pairs_are_those_of_a_double_loop(seed: int) -> None:
    draw = np.random.default_rng(seed)
    cells = random_cells(seed)
    where, left, right = (random_selector(draw, keys) for keys in (1, 2, 1))
    match = [str(key) for key in draw.choice(KEYS, size=3, replace=False)] if seed % 2 else None
    keys = match or [key for key in KEYS if key not in left and key not in right]
    expected = set()
    for (i, a), (j, b) in itertools.product(enumerate(cells), repeat=2):
        inside = all(a[k] in v and b[k] in v for k, v in where.items())
        is_left, is_right = (all(cell[k] in v for k, v in side.items()) for cell, side in ((a, left), (b, right)))
        b_is_left = all(b[k] in v for k, v in left.items())
        if inside and is_left and is_right and not b_is_left and all(a[k] == b[k] for k in keys):
            expected.add(((i,), (j,)))
    block = {"where": where, "left": left, "right": right, "relation": ">"} | ({"match": match} if match else {})
    found = find_comparisons(a_claim(**block), cells)
    assert {(c.left, c.right) for c in found} == expected
    assert len(found) == len(expected)
    assert {c.relation for c in found} <= {">"}


def test_a_chain_compares_neighbours_only() -> None:
    cells = [dict.fromkeys([*KEYS, "dataset"], "") | {"variant": v} for v in ("a", "b", "c")]
    chain = find_comparisons(a_claim(chain=[{"variant": v} for v in "abc"], relation="<"), cells)
    assert chain == [Comparison((0,), (1,), "<"), Comparison((1,), (2,), "<")]


def test_a_number_is_compared_with_a_value() -> None:
    cells = random_cells(1)
    found = find_comparisons(a_claim(left={"variant": "top"}, relation=">=", value=80), cells)
    assert [c.left[0] for c in found] == [i for i, cell in enumerate(cells) if cell["variant"] == "top"]
    assert {(c.right, c.value) for c in found} == {((), 80)}


def test_ranks_are_compared_over_common_designs() -> None:
    names = dict.fromkeys([*KEYS, "dataset"], "")
    cells = [names | {"exhibit": e, "variant": v} for e, v in itertools.product("de", "pqrst")][1:]
    block = {"rank": ["variant"], "between": "exhibit", "match": ["attack"], "relation": ">=", "value": 0.9}
    assert find_comparisons(a_claim(**block), cells) == [Comparison((0, 1, 2, 3), (5, 6, 7, 8), ">=", 0.9)]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, True),
        ({"keep_prob": 0.5}, True),
        ({"keep_prob": [0.3, 0.5]}, True),
        ({"keep_prob": 0.3}, False),
        ({"variant": "bottom", "attack": "pgd_*"}, True),
        ({"variant": "bottom", "attack": "fgsm_*"}, False),
        ({"variant": "bot"}, False),
        ({"source": "*"}, True),
    ],
)
def test_a_selector_takes_texts_numbers_lists_and_stars(selector: Mapping[str, Any], expected: bool) -> None:
    cell = dict.fromkeys(KEYS, "") | {"variant": "bottom", "keep_prob": "0.5", "attack": "pgd_e8_a2_t7"}
    assert matches(selector, cell) == expected


@pytest.mark.parametrize(
    ("variant", "keep", "expected"),
    [("bottom", "0.5", "0.5"), ("bottom+top", "0.7+0.3", "0.7"), ("top", "0.3", ""), ("bottom_x2", "0.1", "0.1")],
)
def test_the_keep_probability_of_the_bottom_layers(variant: str, keep: str, expected: str) -> None:
    assert bottom_keep_probability({"variant": variant, "keep_prob": keep}) == expected


@pytest.mark.parametrize(("value", "expected"), [(0.5, "0.5"), (0.05, "0.05"), (1, "1"), ("0.7+0.3", "0.7+0.3")])
def test_numbers_are_written_as_in_the_printed_tables(value: Any, expected: str) -> None:
    assert key_text(value) == expected


@pytest.mark.parametrize(
    ("relation", "left", "right", "expected"),
    [(">", 3, 1, 2), (">=", 1, 3, -2), ("<", 1, 3, 2), ("<=", 3, 1, -2), ("~", 1, 3, -2), ("~", 3, 1, -2)],
)
def test_an_advantage_is_positive_where_the_relation_holds(
    relation: str, left: float, right: float, expected: float
) -> None:
    numbers = np.array([[left, left], [right, right]], dtype=float)
    assert advantage(Comparison((0,), (1,), relation), numbers).tolist() == [expected] * 2
    assert advantage(Comparison((0,), (), relation, right), numbers[:, 0]) == expected


def test_exhibits_and_images_of_a_small_file(project: Project) -> None:
    claims = load_claims(project.root, "defective")
    cell = dict.fromkeys([*KEYS, "dataset"], "") | {"metric": "defense_rate", "attack": "cw_k40"}
    assert claims.images(cell) == 1000
    assert claims.images(cell | {"attack": "pgd_e16_a1_t20"}) == 5000
    assert claims.images(cell | {"metric": "boundary_score", "attack": "boundary"}) is None
    table7 = cell | {"exhibit": "table7"}
    assert "MNIST" in claims.reason(table7 | {"dataset": "fashion-mnist-subset"})
    assert claims.reason(table7 | {"dataset": "mnist"}) == ""


# Mistakes --------------------------------------------------------------------------------------------------

FILE = "config/claims/defective.yaml"


@pytest.fixture(scope="session")
def content(root: Path) -> Any:
    """The file as it is written."""
    return yaml.safe_load((root / FILE).read_text())


def first_block(content: Any) -> Any:
    return content["claims"]["DEF01"]["compare"][0]


MISTAKES: dict[str, tuple[Callable[[Any], object], str]] = {
    "mistyped key": (lambda c: c["claims"]["DEF01"].update(resaon=1), "claims.DEF01.resaon is not known (did you mean"),
    "mistyped code": (lambda c: first_block(c)["where"].update(varint="x"), "varint is not known"),
    "no relation": (lambda c: first_block(c).pop("relation"), "compare[0].relation is missing"),
    "unknown relation": (lambda c: first_block(c).update(relation="=="), "allowed: >, >=, <, <=, ~"),
    "half a relation": (lambda c: first_block(c).pop("right"), "compare[0]: left is no relation"),
    "two relations": (lambda c: first_block(c).update(chain=[{}, {}]), "chain, left, right is no relation"),
    "no share": (lambda c: c["claims"]["DEF01"].pop("share"), "claims.DEF01.share is missing"),
    "share above 1": (lambda c: c["claims"]["DEF01"].update(share=2), "claims.DEF01.share: 2 is not allowed"),
    "neither": (lambda c: c["claims"]["DEF53"].pop("reason"), "claims.DEF53 needs either compare, or reason"),
    "both": (lambda c: c["claims"]["DEF01"].update(reason="x"), "claims.DEF01 needs either compare, or reason"),
    "unquoted yes": (lambda c: c["claims"]["DEF01"].update(stated=True), "allowed: yes, implied"),
    "similar without margin": (lambda c: c["claims"]["DEF44"].update(margin=0), "relation ~ needs a margin above 0"),
    "selector no mapping": (lambda c: first_block(c).update(left="bottom"), 'left: "bottom" is not allowed'),
    "name of a claim": (lambda c: c["claims"].update(first=c["claims"]["DEF53"]), "first"),
}


@pytest.mark.parametrize(("change", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence_that_names_file_and_key(
    project: Project, content: Any, change: Callable[[Any], object], sentence: str
) -> None:
    few = {name: content["claims"][name] for name in ("DEF01", "DEF44", "DEF53")}
    spoiled = copy.deepcopy(content | {"claims": few})
    change(spoiled)
    (project.root / FILE).write_text(yaml.safe_dump(spoiled))
    with pytest.raises(LacunaError) as error:
        load_claims(project.root, "defective")
    assert str(error.value).startswith(FILE)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_claim_written_twice_is_refused(project: Project) -> None:
    project.rewrite(FILE, lambda content: content + content[content.index("  OBS12:") :])
    with pytest.raises(LacunaError, match="'OBS12' is written twice"):
        load_claims(project.root, "defective")


def test_a_paper_without_claims_is_named(root: Path) -> None:
    with pytest.raises(LacunaError, match=r"config/claims/nosuch\.yaml does not exist"):
        load_claims(root, "nosuch")


def test_margins_and_shares_follow_the_rules_of_the_files_head(content: Any) -> None:
    compared = {name: body for name, body in content["claims"].items() if "compare" in body}
    assert {body["share"] for body in compared.values()} == {1, 0.9}
    assert {body["margin"] for body in compared.values()} == {0, 10, -1, 5, -1e-6}
