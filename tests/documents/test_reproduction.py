"""docs/reproduction.md has a line for every claim, and says of the printed numbers what the code says of them."""

import re
from pathlib import Path

import pandas as pd
import pytest
from claimed import claims_with_codes, printed_exhibits

from lacuna.claims.verdicts import judge
from lacuna.files.contents import read_printed

PAPERS = {"defective": "Defective Convolutional Networks", "dual": "Dual perturbation", "advdrop": "AdvDrop"}


def lines(root: Path, title: str) -> dict[str, list[str]]:
    """Id of each claim in a paper's section, with the other columns of its line."""
    text = (root / "docs/reproduction.md").read_text()
    (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    rows = [
        [cell.strip() for cell in row.split(" | ")] for row in re.findall(r"^\| ([A-Z]+\d+ \|.*) \|$", section, re.M)
    ]
    assert len({row[0] for row in rows}) == len(rows), "a claim stands once"
    return {row[0]: row[1:] for row in rows}


@pytest.mark.parametrize("paper", PAPERS)
def test_every_claim_has_its_line_and_what_the_printed_numbers_say_is_computed(root: Path, paper: str) -> None:
    claims, found = claims_with_codes(root, paper), lines(root, PAPERS[paper])
    assert list(found) == [claim.id for claim in claims.claims]
    printed = read_printed(str(root / f"data/printed/{paper}.csv"))
    verdicts, _ = judge(claims, pd.DataFrame(), [], printed, printed_exhibits(root, paper))
    for claim, verdict in zip(claims.claims, verdicts.itertuples(), strict=True):
        said, printed, *runs = found[claim.id]
        assert said == claim.text
        if claim.reason:
            assert {printed, *runs} == {"not compared"}
        elif verdict.printed_comparisons:
            counted = f"{verdict.printed_hold} of {verdict.printed_comparisons}, {verdict.printed_verdict}"
            assert printed == counted, claim.id
        else:
            assert printed == "none"
        assert len(runs) == 3
        assert all(runs), "a dash where nothing was run"
