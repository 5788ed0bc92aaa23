"""The claims of the repository's papers with codes in place of names, and the tables that printed numbers belong to."""

from functools import cache
from pathlib import Path

from lacuna.claims.relations import PaperClaims, load_claims
from lacuna.config.load import load
from lacuna.plan.plan import Plan

CHOSEN = {"scale": "paper", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}


@cache
def plan_of(root: Path) -> Plan:
    """The plan of the scale whose budgets are the printed ones."""
    return Plan(load(root, CHOSEN))


def claims_with_codes(root: Path, paper: str) -> PaperClaims:
    """A paper's claims, as they are judged at the paper's scale."""
    return load_claims(root, paper).named(plan_of(root).lookup.claim_names(paper))


def printed_exhibits(root: Path, paper: str) -> dict[int, str]:
    """Our tables by the number of the printed one."""
    return plan_of(root).lookup.printed_tables(paper)
