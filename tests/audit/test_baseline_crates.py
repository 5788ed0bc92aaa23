"""A crate as a baseline: a rerun, an independent run, and prediction intervals that cover what they say."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from madeup import CELLS, audited, rerun

from lacuna.audit.baseline import compare_runs
from lacuna.crates.build import build
from lacuna.crates.pack import pack
from lacuna.errors import LacunaError
from lacuna.numbers.spread import prediction_half_widths
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project


@pytest.fixture
def crate(made: Project, root: Path) -> str:
    """A crate of the made-up run, which then stays as it is."""
    for folder in ("rules", "workflow/scripts"):
        shutil.copytree(root / folder, made.root / folder, dirs_exist_ok=True)
    for name in ("Snakefile", "LICENSE"):
        shutil.copy(root / name, made.root / name)
    pack(build(Plan(made.load()), "table3"), "sent/table3.zip", "sent/table3.zip.sha256")
    return "sent/table3.zip"


def lines(found: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(found["cells"])


def test_a_crate_of_a_run_is_the_same_as_it_and_a_rerun(made: Project, crate: str) -> None:
    report = audited(made, baseline=crate)["baseline"]
    assert report["kind"] == "rerun"
    assert report["states"]["same"] == 90


def test_a_rerun_is_compared_by_image_as_a_checkout_is(made: Project, crate: str, tmp_path: Path) -> None:
    before = Path(shutil.copytree(made.root, tmp_path / "before"))
    rerun(made, seed=1)
    by_crate, by_checkout = compare_runs([CELLS], crate, "demo", [0]), compare_runs([CELLS], str(before), "demo", [0])
    pd.testing.assert_frame_equal(lines(by_crate), lines(by_checkout))
    assert lines(by_crate).query("state == 'noise'")["paired"].all()
    assert (by_crate["kind"], by_checkout["kind"]) == ("rerun", "unknown")


def test_single_trainings_of_other_seeds_give_no_interval(made: Project, crate: str) -> None:
    rerun(made, seed=1)
    found = compare_runs([CELLS], crate, "demo", [7])
    assert found["kind"] == "independent"
    assert found["states"]["moved"] == found["states"]["noise"] == 0
    assert found["states"]["no interval"] > 60


def test_a_damaged_crate_and_one_of_another_scale_are_refused(crate: str) -> None:
    with pytest.raises(LacunaError, match="is of scale demo; allowed: paper"):
        compare_runs([], crate, "paper", [0])
    whole = Path(crate).read_bytes()
    Path(crate).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LacunaError, match="no sound crate"):
        compare_runs([], crate, "demo", [0])


@pytest.mark.parametrize(("ours", "theirs"), [(3, 1), (1, 3), (3, 3), (5, 2)])
def test_a_prediction_interval_covers_another_run_as_often_as_it_says(ours: int, theirs: int) -> None:
    draw, trials = np.random.default_rng(0), 4000
    trainings = draw.normal(0, 1, (trials, ours + theirs))
    values = [(one[:ours], one[ours:]) for one in trainings]
    half = prediction_half_widths(values, np.zeros(trials), 1)
    apart = np.abs([one.mean() - other.mean() for one, other in values])
    assert 0.94 < (apart <= half).mean() < 0.96


def test_one_training_on_each_side_predicts_nothing_and_more_cells_need_wider_intervals() -> None:
    assert np.isnan(prediction_half_widths([([1.0], [2.0])], np.ones(1), 1)).all()
    pair = [([1.0, 2.0, 4.0], [2.0])]
    assert prediction_half_widths(pair, np.ones(1), 90)[0] > prediction_half_widths(pair, np.ones(1), 1)[0]
