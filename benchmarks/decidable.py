"""Which claims five trainings cannot decide, if the printed numbers were the truth: docs/benchmarks/decidable.csv.

A claim is decided where as many comparisons as it needs lie beyond their joint intervals. So what counts is the
comparison with the smallest lead among those that are needed. Its lead is the printed one, less the claim's margin.
What four of five experiments see is simulated as in power.py, with five trainings and 500 images, at the level that one
comparison has among all of its claim and all claims of the paper. The differences between our networks are not used, so
that the list cannot depend on what came out.
"""

from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
from power import smallest

from lacuna.claims.decisions import SIMILAR, advantage
from lacuna.claims.relations import Claim, PaperClaims, find_comparisons, load_claims
from lacuna.claims.verdicts import identities, printed_cells
from lacuna.config.load import load
from lacuna.language.codes import PERCENT
from lacuna.numbers.statistics import LEVEL
from lacuna.plan.plan import Plan

OUT = "docs/benchmarks/decidable.csv"
TRAININGS, IMAGES, SPREADS = 5, 500, (1, 3)
CHOSEN = {"scale": "paper", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}  # the printed budgets
ROOT = Path(__file__).parents[1]


def lines_of(paper: str) -> list[dict[str, object]]:
    """A line for each claim of a paper that compares something."""
    lookup = Plan(load(ROOT, CHOSEN)).lookup
    cells = printed_cells(pd.read_csv(ROOT / f"data/printed/{paper}.csv"), lookup.printed_tables(paper))
    claims = load_claims(ROOT, paper).named(lookup.claim_names(paper))
    asked = sum(bool(claim.compare) for claim in claims.claims)
    return [line_of(claims, claim, cells, asked) for claim in claims.claims if claim.compare]


def line_of(claims: PaperClaims, claim: Claim, cells: pd.DataFrame, asked: int) -> dict[str, object]:
    """What a claim needs, what is printed, and what five trainings see."""
    comparisons = find_comparisons(claim, identities(cells))
    line: dict[str, object] = {"paper": claims.paper, "claim": claim.id, "comparisons": len(comparisons)}
    if not comparisons:
        return line | {"reason": "nothing of it is printed"}
    if set(cells["unit"].iloc[[place for one in comparisons for place in one.members]]) != {PERCENT}:
        return line | {"reason": "it compares distances or ranks, not shares"}
    values = cells["value"].to_numpy(dtype=float)
    needed = {one: -claim.margin if one.relation == SIMILAR else claim.margin for one in comparisons}
    leads = np.sort([abs(float(advantage(one, values)) - least) for one, least in needed.items()])[::-1]
    lead = leads[ceil(claim.share * len(leads)) - 1]
    seen = {s: smallest(TRAININGS, IMAGES, s, LEVEL / asked / len(comparisons)) for s in SPREADS}
    line |= {"lead": round(lead, 1)} | {f"seen_spread_{s}": round(points, 1) for s, points in seen.items()}
    return line | {"reason": "" if lead > seen[1] else "the lead is less than what is seen"}


def main() -> None:
    """Writes a line for each claim of the one paper whose numbers are printed in tables that compare trainings."""
    pd.DataFrame(lines_of("defective")).to_csv(OUT, index=False)


if __name__ == "__main__":
    main()
