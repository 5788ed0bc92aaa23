"""Claims from outcomes to Markdown: one table, the whole paper, and before anything ran."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from asking import exhibit_settings
from claimed import claims_with_codes

from lacuna.claims.decisions import our_numbers
from lacuna.claims.verdicts import CLAIM_COLUMNS, COMPARISON_COLUMNS, judge, printed_cells
from lacuna.config.load import load
from lacuna.language.codes import Origin, origin_of
from lacuna.numbers.cells import compute_cells
from lacuna.numbers.metrics import samples_of
from lacuna.numbers.statistics import Sample
from lacuna.plan.plan import Plan
from lacuna.reporting.tables.claim_page import claims_markdown

# From outcomes ---------------------------------------------------------------------------------------------


def test_samples_are_read_once_per_file_and_stand_in_the_order_of_the_cells() -> None:
    targets = ("resnet18-standard-s1", "vgg19-standard-s1")
    read: list[tuple[str, str, str]] = []

    def load(folder: str, origin: Origin) -> pd.DataFrame:
        read.append((folder, origin.group, origin.name))
        names = {"attack": ["none", "a", "b"], "source": ["", "x", "x"], "image": [0, 1, 2], "label": 0}
        hits = {
            "clean": 0,
            "adversarial": targets.index(origin.name),
            "source_clean": 0,
            "source_adversarial": 1,
            "source_flat": 0,
        }
        return pd.DataFrame(names | hits | {"valid": True, "distance": 0.0})

    cells = [
        {"suite": "s", "target": target, "attack": attack, "source": "x", "metric": "defense_rate"}
        for attack in ("a", "b")
        for target in targets
    ]
    pair = cells[0] | {"metric": "conditional_accuracy", "pair": list(targets)}
    tables = [{"dataset": "d", "cells": cells}, {"dataset": "e", "cells": [pair]}]
    samples = samples_of(tables, load)
    assert [(s.images.tolist(), s.values.tolist()) for [s] in samples] == [
        ([1], [True]),
        ([1], [False]),
        ([2], [True]),
        ([2], [False]),
        ([1], [True]),
    ]
    assert read == [("d", "s", targets[0]), ("d", "s", targets[1]), ("e", "s", targets[0]), ("e", "s", targets[1])]


def random_outcomes(target: str, cells: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """A target's outcomes on 200 test images and 80 examples per set; masked targets withstand more of them."""
    draw = np.random.default_rng(zlib.crc32(target.encode()))
    strength = 0.9 if "bottom" in target else 0.2
    sets = dict.fromkeys((cell["attack"], cell["source"]) for cell in cells if cell["source"])
    frames = []
    for attack, source in [("none", ""), *sets]:
        image = np.arange(200 if attack == "none" else 80)
        hits = {"clean": draw.random(len(image)) > 0.9, "adversarial": draw.random(len(image)) > strength}
        frame = pd.DataFrame(
            {"attack": attack, "source": source, "image": image, "label": 0, "source_clean": 0, "source_flat": 0}
        )
        frames.append(frame.assign(source_adversarial=1, valid=True, distance=0.0, **hits))
    return pd.concat(frames).astype({"clean": int, "adversarial": int})


def test_cells_and_claims_of_a_table_count_the_same_images(root: Path) -> None:
    chosen = {"scale": "demo", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
    settings = exhibit_settings(Plan(load(root, chosen)), "cells", "table3")
    keys = {origin_of(cell) for cell in settings["cells"]}
    outcomes = {key: random_outcomes(key.name, settings["cells"]) for key in keys}
    printed = pd.read_csv(root / "data/printed/defective.csv").query("table == 3")
    cells = compute_cells(settings, outcomes, printed, dict.fromkeys(keys, "digits"))
    samples = samples_of([settings], lambda _, origin: outcomes[origin])
    assert our_numbers(cells, samples).values == pytest.approx(cells["value"], abs=1e-4)
    assert [len(one.values) for [one] in samples] == cells["n"].tolist()
    frame, pairs = judge(claims_with_codes(root, "defective"), cells, samples, printed)
    made = frame[frame["comparisons"] > 0].set_index("id")
    assert made["comparisons"].to_dict() == {"DEF10": 50, "DEF11": 25, "DEF12": 10, "OBS07": 60}
    assert made.loc["DEF10", "verdict"] == "holds for these networks"
    assert set(made["dataset"]) == {"fashion-mnist-subset"}
    assert set(pairs["left_provenance"]) == {"digits"}


# All of the paper ------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def whole(root: Path) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """Verdicts on made-up outcomes whose true rates are the printed ones, and the seconds they took."""
    printed = pd.read_csv(root / "data/printed/defective.csv")
    cells = printed_cells(printed).assign(dataset="cifar10", scale="paper", provenance="p")
    draw = np.random.default_rng(3)
    images = {metric: draw.permutation(2000)[:600] for metric in cells["metric"].unique()}
    samples = []
    for cell in cells.itertuples():
        ids = images[cell.metric]
        if cell.metric == "boundary_score":
            samples.append([Sample(ids, cell.value * draw.lognormal(0, 0.5, size=len(ids)), median=True)])
        else:
            samples.append([Sample(ids, draw.random(len(ids)) < cell.value / 100)])
    started = time.monotonic()
    frame, pairs = judge(claims_with_codes(root, "defective"), cells, samples, printed)
    return frame, pairs, time.monotonic() - started


def test_networks_that_behave_as_printed_contradict_nothing_the_printed_numbers_show(
    whole: tuple[pd.DataFrame, pd.DataFrame, float],
) -> None:
    frame, pairs, seconds = whole
    both = frame[(frame["comparisons"] > 0) & (frame["printed_verdict"] != "not applicable")]
    opposite = {"holds for these networks": "contradicted", "contradicted": "holds for these networks"}
    assert not (both["verdict"] == both["printed_verdict"].map(opposite)).any()
    assert (both["comparisons"] == both["printed_comparisons"]).all()
    assert set(both.loc[both["id"].isin(["DEF45", "OBS04", "OBS10"]), "verdict"]) == {"holds for these networks"}
    assert both.loc[both["id"] == "DEF39", "verdict"].tolist() == ["contradicted"]
    assert len(pairs) == frame["comparisons"].sum()
    assert seconds < 60


def test_the_columns_are_those_documented(whole: tuple[pd.DataFrame, pd.DataFrame, float], root: Path) -> None:
    frame, pairs, _ = whole
    documented = (root / "docs/claims.md").read_text()
    for names, columns in ((CLAIM_COLUMNS, frame.columns), (COMPARISON_COLUMNS, pairs.columns)):
        assert list(columns) == names
        assert all(f"`{name}`" in documented for name in names)
    assert frame.loc[frame["id"] == "DEF10", "cells"].tolist() == ["table3: 75 cells"]


def test_markdown_has_a_line_for_every_claim(whole: tuple[pd.DataFrame, pd.DataFrame, float]) -> None:
    frame, *_ = whole
    lines = claims_markdown(frame, "Defective Networks").splitlines()
    table = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("|")]
    assert {len(row) for row in table} == {11}
    assert [row[0].strip() for row in table[2:]] == frame["id"].tolist()
    text = "\n".join(lines)
    assert "Scale **paper**, dataset **cifar10**, 1 training seed. Ours: " in text
    assert "**not applicable**: needs people" in text
    assert not re.search(r"\bnan\b|None", text)


def test_markdown_before_anything_ran(root: Path) -> None:
    printed = pd.read_csv(root / "data/printed/defective.csv").query("table == 3")
    frame, pairs = judge(claims_with_codes(root, "defective"), pd.DataFrame(), [], printed)
    assert pairs.empty
    assert set(frame["verdict"]) == {"not run", "not applicable"}
    text = claims_markdown(frame, "Defective Networks")
    assert "Ours: 64 not run, 7 not applicable." in text
    assert "Scale" not in text.split("|")[0]
