"""The list of claims that five trainings cannot decide, against the claims and the text that counts them."""

import re
from pathlib import Path

import pandas as pd
from claimed import claims_with_codes


def test_the_list_has_every_claim_that_compares_something_and_the_text_counts_it(root: Path) -> None:
    listed = pd.read_csv(root / "docs/benchmarks/decidable.csv", keep_default_na=False)
    claims = [claim.id for claim in claims_with_codes(root, "defective").claims if claim.compare]
    assert listed["claim"].tolist() == claims
    shares = listed[listed["lead"] != ""].astype({"lead": float, "seen_spread_1": float})
    decidable = shares[shares["reason"] == ""]
    assert (decidable["lead"] > decidable["seen_spread_1"]).all()
    text = " ".join((root / "docs/claims.md").read_text().split())
    numbers = {4: "Four", 7: "Seven"}
    assert f"{numbers[len(decidable)]} of {len(shares)} claims on printed shares" in text
    (named,) = re.findall(r"where the spread is 1: ([^.]*)\.", text)
    assert named.replace(" and", ",").split(", ") == [*decidable["claim"]]
    assert f"median of these leads is {shares[shares['reason'] != '']['lead'].median():g} points" in text
    assert f"{numbers[(listed['comparisons'] == 0).sum()]} further claims" in text
