"""Flags beside cells: each by counting image after image, on outcomes where it must stand and where it must not."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import torch
from asking import exhibit_settings
from refusing import put, refusal
from scipy.stats import binomtest
from victims import images, labelled, small

from lacuna.attacks.core.flatness import find_flat
from lacuna.language.attacks import METHODS
from lacuna.language.codes import Origin
from lacuna.numbers.cells import CELL_COLUMNS, table_cells
from lacuna.numbers.flags import CHECK_COLUMNS, FLAT, LARGER, LESS
from lacuna.numerics.images import to_bytes
from lacuna.plan.plan import Plan
from lacuna.reporting.tables.render import table_latex, table_markdown, wide_table

if TYPE_CHECKING:
    from projects import Project

N, TESTED, BASE = 200, 260, "fashion-mnist-subset"
CROSS = "config/papers/cross.yaml"
ROWS = ("resnet18-standard-s1", "resnet18-at-s1")
SOURCE = "resnet18-standard-s0"
KINDS = [  # column, attack, larger, ball, loss, white box
    ("pgd", "pgd_e8", "pgd_e16", "linf", "cross_entropy", True),
    ("square", "square_e8", "", "linf", "", True),
    ("pgd, transfer", "pgd_e8", "", "linf", "cross_entropy", False),
    ("cw", "cw_k0", "", "l2", "margin", True),
]
Shares = dict[tuple[str, str, str], float]  # row, attack, white or transfer -> share of images left right
EVEN: Shares = {
    **{(row, attack, "white"): 0.2 for row in ROWS for attack in ("pgd_e8", "pgd_e16", "cw_k0")},
    **{(row, "square_e8", "white"): 0.5 for row in ROWS},
    **{(row, "pgd_e8", "transfer"): 0.7 for row in ROWS},
}


def settings() -> dict[str, Any]:
    cells, checks = [], []
    for row in ROWS:
        base = {"row": row, "model": row, "target": row, "defense": "", "pair": [], "measured": ""}
        cells.append(
            base | {"column": "clean", "metric": "test_accuracy", "suite": "white", "attack": "none", "source": ""}
        )
        checks.append({})
        for column, attack, larger, ball, loss, white in KINDS:
            place = {"suite": "white", "source": row} if white else {"suite": "transfer", "source": SOURCE}
            cells.append(base | {"column": column, "metric": "adversarial_accuracy", "attack": attack} | place)
            checks.append({"ball": ball, "larger": larger, "loss": loss})
    whole = {"exhibit": "cross", "scale": "demo", "dataset": BASE, "paper_dataset": "cifar10", "ensembles": {}}
    return whole | {"cells": cells, "checks": checks, "width": "1"}


def outcomes(shares: Shares, zeros: float = 0, seed: int = 0) -> dict[Origin, pd.DataFrame]:
    """Outcomes in which the attacks leave these shares of images right; images are hard in one order for all."""
    draw = np.random.default_rng(seed)
    hard, made = draw.permutation(N) / N, {}
    for row, where in product(ROWS, ("white", "transfer")):
        clean = draw.random(TESTED) < 0.9
        frames = [
            pd.DataFrame(
                {"attack": "none", "source": "", "image": np.arange(TESTED), "clean": clean, "adversarial": clean}
            )
        ]
        for (name, attack, kind), share in shares.items():
            if (name, kind) == (row, where):
                source = row if where == "white" else SOURCE
                known = {"attack": attack, "source": source, "image": np.arange(N), "clean": clean[:N]}
                frames.append(pd.DataFrame(known | {"adversarial": hard < share}))
        whole = pd.concat(frames, ignore_index=True).assign(label=1, valid=True, distance=np.float32(0), source_clean=1)
        whole["source_flat"] = (whole["image"] < zeros * N).astype(int)
        whole["source_adversarial"] = whole["adversarial"].astype(int) if where == "white" else whole["image"] % 2
        made[Origin("evaluate", where, row)] = whole.astype({"clean": int, "adversarial": int})
    return made


def cells(shares: Shares, zeros: float = 0) -> pd.DataFrame:
    found = {(BASE, origin): frame for origin, frame in outcomes(shares, zeros).items()}
    printed = pd.DataFrame(columns=["row", "column", "target", "attack", "value"])
    return table_cells(settings(), found, printed, dict.fromkeys(found, "d"))


def flagged(frame: pd.DataFrame, flag: str) -> set[tuple[str, str]]:
    held = frame[[flag in text for text in frame["flags"].fillna("")]]
    return set(zip(held["row"], held["column"], strict=True))


def test_where_nothing_is_odd_there_is_no_flag_and_the_documented_columns_stand_first() -> None:
    frame = cells(EVEN)
    assert list(frame.columns) == [*CELL_COLUMNS[:-1], *CHECK_COLUMNS, CELL_COLUMNS[-1]]
    assert set(frame["flags"].fillna("")) == {""}
    assert set(frame["beaten_by"].fillna("")) == {""}


@pytest.mark.parametrize(("zeros", "stands"), [(0.0, False), (0.04, False), (0.06, True), (1.0, True)])
def test_zero_gradients_flag_attacks_that_follow_the_cross_entropy(zeros: float, stands: bool) -> None:
    frame = cells(EVEN, zeros)
    assert flagged(frame, FLAT) == (set(product(ROWS, ["pgd", "pgd, transfer"])) if stands else set())
    shares = frame.set_index(["row", "column"])["zero_gradients"]
    assert shares[ROWS[0], "pgd"] == shares[ROWS[0], "cw"] == pytest.approx(100 * zeros)
    assert pd.isna(shares[ROWS[0], "square"])


@pytest.mark.parametrize("worse", [0.18, 0.2, 0.22, 0.3, 0.9])
def test_a_larger_budget_that_leaves_more_right_beyond_noise_is_flagged(worse: float) -> None:
    frame = cells(EVEN | {(ROWS[1], "pgd_e16", "white"): worse})
    discordant = round(N * (worse - 0.2))  # all on one side, since images are hard in one order
    expected = discordant > 0 and binomtest(0, discordant).pvalue < 0.01
    assert flagged(frame, LARGER) == ({(ROWS[1], "pgd")} if expected else set())


def test_a_white_box_that_is_beaten_by_less_knowledge_is_flagged_and_says_by_what() -> None:
    frame = cells(EVEN | {(ROWS[1], "square_e8", "white"): 0.05, (ROWS[1], "pgd_e8", "transfer"): 0.1})
    assert flagged(frame, LESS) == {(ROWS[1], "pgd")}
    beaten = frame.set_index(["row", "column"]).loc[(ROWS[1], "pgd"), "beaten_by"]
    assert beaten == "square; pgd, transfer"


def test_other_balls_and_other_rows_are_no_rivals() -> None:
    frame = cells(EVEN | {(row, "cw_k0", "white"): 0.9 for row in ROWS} | {(ROWS[0], "square_e8", "white"): 0.0})
    assert flagged(frame, LESS) == {(ROWS[0], "pgd")}


def test_companions_are_counted_on_the_images_that_every_row_gets_right() -> None:
    frame, made = cells(EVEN), outcomes(EVEN)
    clean = [set(f.loc[(f["attack"] == "none") & (f["clean"] == 1), "image"]) for f in made.values()]
    shared = set.intersection(*clean)
    for line in frame[frame["attack"] != "none"].to_dict("records"):
        own = made[Origin("evaluate", "white" if line["source"] == "self" else "transfer", str(line["row"]))]
        rows = own[(own["attack"] == line["attack"]) & own["image"].isin(shared)]
        rows = rows if line["source"] == "self" else rows[rows["source_adversarial"] != 1]
        assert line["sdr_common_n"] == len(rows) > 0
        assert line["sdr_common"] == pytest.approx(100 * rows["adversarial"].mean(), abs=1e-3)
        assert line["sdr_common_low"] < line["sdr_common"] < line["sdr_common_high"]
        assert line["robust_accuracy_all"] == line["value"]
    assert frame.loc[frame["attack"] == "none", "sdr_common"].isna().all()


def test_several_trainings_give_means_and_every_flag_that_stands_in_any() -> None:
    odd, folders = EVEN | {(ROWS[0], "square_e8", "white"): 0.0}, [BASE, f"{BASE}-seed1"]
    parts = [outcomes(odd), outcomes(EVEN, 0.2, seed=1)]
    found = {(name, origin): frame for name, part in zip(folders, parts, strict=True) for origin, frame in part.items()}
    printed = pd.DataFrame(columns=["row", "column", "target", "attack", "value"])
    frame = table_cells(settings() | {"replicas": folders}, found, printed, dict.fromkeys(found, "d"))
    alone = [
        table_cells(settings(), {(BASE, k): f for k, f in part.items()}, printed, {(BASE, k): "d" for k in part})
        for part in parts
    ]
    assert flagged(frame, LESS) == {(ROWS[0], "pgd")}
    assert flagged(frame, FLAT) == set(product(ROWS, ["pgd", "pgd, transfer"]))
    for name in ("sdr_common", "zero_gradients"):
        means = np.mean([one[name].to_numpy(dtype=float) for one in alone], axis=0)
        np.testing.assert_allclose(frame[name].to_numpy(dtype=float), means, atol=1e-3)
    attacked = frame[frame["attack"] != "none"]
    assert (attacked["sdr_common_low"] <= attacked["sdr_common"]).all()
    assert (attacked["sdr_common"] <= attacked["sdr_common_high"]).all()
    assert list(attacked["sdr_common_n"]) == list(
        np.min([one.loc[attacked.index, "sdr_common_n"] for one in alone], axis=0)
    )


def unchecked(parts: dict[str, dict[Origin, pd.DataFrame]]) -> pd.DataFrame:
    """The cells of the same table without its checks, over the trainings in these folders."""
    found = {(name, origin): frame for name, part in parts.items() for origin, frame in part.items()}
    printed = pd.DataFrame(columns=["row", "column", "target", "attack", "value"])
    asked = {key: value for key, value in settings().items() if key != "checks"}
    asked |= {"replicas": list(parts)} if len(parts) > 1 else {}
    return table_cells(asked, found, printed, dict.fromkeys(found, "d"))


def test_any_table_has_flags_where_one_stands_and_values_stay() -> None:
    plain, odd = unchecked({BASE: outcomes(EVEN)}), unchecked({BASE: outcomes(EVEN, 0.5)})
    assert list(plain.columns) == CELL_COLUMNS
    assert list(odd.columns) == [*CELL_COLUMNS[:-1], "flags", CELL_COLUMNS[-1]]
    assert flagged(odd, FLAT) == set(product(ROWS, ["pgd", "pgd, transfer"]))
    pd.testing.assert_frame_equal(odd[CELL_COLUMNS], plain)


def test_doubts_of_any_training_are_flags_of_the_cells_that_count_their_lines() -> None:
    first, second = outcomes(EVEN), outcomes(EVEN, seed=1)
    target = Origin("evaluate", "white", ROWS[0])
    second[target] = second[target].assign(doubts="odd")
    lines = second[Origin("evaluate", "transfer", ROWS[1])]
    lines["doubts"] = np.where(lines["attack"] == "none", "", "odd; strange")
    frame = unchecked({BASE: first, f"{BASE}-seed1": second})
    held = {(line["row"], line["column"]): line["flags"] for line in frame.to_dict("records") if line["flags"]}
    own = {(ROWS[0], column): "odd" for column in ("clean", "pgd", "square", "cw")}
    assert held == own | {(ROWS[1], "pgd, transfer"): "odd; strange"}


# Rendered ------------------------------------------------------------------------------------------------------


def test_marks_stand_beside_numbers_and_are_explained() -> None:
    frame = cells(EVEN | {(ROWS[1], "square_e8", "white"): 0.05}, 0.5)
    panels = {
        "clean": "clean",
        "pgd": "white box",
        "square": "white box",
        "pgd, transfer": "transfer",
        "cw": "white box",
    }
    text = table_markdown(frame, "A title", "A paper", ["A note."], dict(sorted(panels.items(), reverse=True)))
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Clean",
        "## White box",
        "## Transfer",
        "## Marks",
    ]
    line = next(line for line in text.splitlines() if line.startswith(f"| {ROWS[1]}") and "**ab**" in line)
    assert line.split(" | ")[1].startswith("91.5 (")
    assert line.split(" | ")[2].startswith("20.0 (")
    assert "**a**, zero gradients: at more than 5 %" in text
    assert "**b**, an attack that knows less does better: " in text
    assert "`pgd_e8`" in text
    assert "Scale **demo**" in text
    shown = table_latex(frame, "A title", "A paper", ["A note."], panels)
    assert r"20.0\textsuperscript{ab}" in shown
    assert shown.count(r"\toprule") == 3
    assert list(wide_table(frame).columns[:3]) == ["target", "row", "clean"]
    assert "No cell is marked" in table_markdown(cells(EVEN), "A title", "A paper", ["A note."], panels)


def test_a_plain_table_says_its_flags_beside_numbers_and_below() -> None:
    frame = unchecked({BASE: outcomes(EVEN, 0.5)})
    text = table_markdown(frame, "A title", "A paper", ["A note."])
    line = next(line for line in text.splitlines() if line.startswith(f"| {ROWS[0]}") or f"| {ROWS[0]} |" in line)
    assert line.count("20.00 **a**") == 1
    assert line.count("70.00 **a**") == 1
    assert "* **a**, zero gradients: at more than 5 %" in text
    shown = table_latex(frame, "A title_1", "A paper", ["A note."])
    assert r"70.00\textsuperscript{a}" in shown
    assert r"A title\_1" in shown
    assert "Marks: a: zero gradients. A note." in shown
    plain = unchecked({BASE: outcomes(EVEN)})
    assert wide_table(frame).equals(wide_table(plain))
    assert "**a**" not in table_markdown(plain, "A title", "A paper", [])


# The source ----------------------------------------------------------------------------------------------------


class Sure(torch.nn.Module):
    """Sure of the first half of the images (by their first value), so that the softmax underflows there."""

    def __init__(self) -> None:
        super().__init__()
        self.model = small(0).float()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x) * torch.where(x[:, 0, 0, 0] > 0.5, 1.0, 1e6)[:, None]


@pytest.mark.parametrize("batch", [2, 100])
def test_a_network_is_flat_where_its_softmax_underflows(batch: int) -> None:
    model, x = Sure().eval(), to_bytes(images(0, 20).float())
    x[:, 0, 0, 0] = torch.arange(20, dtype=torch.uint8) % 2 * 255
    labels = labelled(model, x.float() / 255)
    assert find_flat(model, x, labels, batch, print).tolist() == [1, 0] * 10
    assert find_flat(None, x, labels, batch, print).tolist() == [-1] * 20


# The configuration ---------------------------------------------------------------------------------------------


def test_every_column_of_the_cross_table_is_checked_and_shares_networks_with_the_papers(root: Any) -> None:
    from lacuna.config.load import load

    chosen = {"seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
    for scale in ("demo", "laptop", "paper"):
        plan = Plan(load(root, chosen | {"scale": scale}))
        settings = exhibit_settings(plan, "cells", "cross")
        methods = {
            plan.lookup.attack(name)["method"]
            for _, suite in plan.config.papers["cross"]["suites"].items()
            for name in suite["attacks"]
        }
        assert methods == {
            "fgsm",
            "pgd",
            "mifgsm",
            "cw",
            "apgd_ce",
            "apgd_t",
            "square",
            "dual_l2",
            "advdrop",
            "gaussian",
            "jsma",
            "boundary",
        }
        assert len({cell["model"] for cell in settings["cells"]}) == 9
        for cell, check in zip(settings["cells"], settings["checks"], strict=True):
            assert bool(check) == (cell["metric"] != "test_accuracy")
        first = exhibit_settings(plan, "cells", "table3")
        assert "checks" not in first
        assert {c["model"] for c in settings["cells"] if "standard-s1" in c["model"]} <= {
            c["model"] for c in first["cells"]
        } | {"resnet18-bottom0.1-standard-s1m1"}


@pytest.mark.parametrize(
    ("change", "key", "allowed"),
    [
        (
            put("tables.cross.columns[5].larger", "cross_fgsm[1]"),
            "tables.cross.columns[5].larger",
            "'cross_fgsm[1]' is not known",
        ),
        (
            put("tables.cross.columns[5].larger", "cross_pgd[0]"),
            "tables.cross.columns[5].larger",
            "'cross_pgd[0]' is not known",
        ),
        (
            put("tables.cross.columns[0].ball", "linf"),
            "tables.cross.columns[0].ball",
            "metric test_accuracy takes none",
        ),
        (
            put("tables.cross.columns[5].metric", "defense_rate"),
            "tables.cross.columns[5].ball",
            "is not for metric defense_rate",
        ),
        (
            lambda c: c["tables"]["cross"]["columns"][3].pop("panel"),
            "tables.cross.columns",
            "has no panel; figures.cross",
        ),
    ],
)
def test_what_cannot_be_checked_is_refused(project: Project, change: Any, key: str, allowed: str) -> None:
    project.edit(CROSS, change)
    message = refusal(project)
    assert key in message
    assert allowed in message


def test_only_attacks_without_gradients_name_no_loss() -> None:
    assert {name for name, method in METHODS.items() if not method.loss} == {
        "boundary",
        "square",
        "gaussian",
        "shuffle",
        "stylised",
        "folder",
    }
