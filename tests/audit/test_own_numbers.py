"""Numbers of a metric of the user's own in a whole run: cells, seeds, tables, claims, audit and baseline."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from madeup import CELLS, DATA, audited, run
from projects import Project, copied
from scipy.stats import t

from lacuna.files.artefacts import Record, write_frame
from lacuna.numbers.statistics import wilson
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

DEFECTIVE, CLAIMS = "config/papers/defective.yaml", "config/claims/defective.yaml"
ATTACKED = {"suite": "pgd16", "source": "resnet50-standard-s0"}
CALLS: list[int] = []


def kept(outcomes: pd.DataFrame, of: float = 1, sure: bool = True) -> dict[str, Any]:
    """The accuracy under attack, over the first ``of`` images, with Wilson's interval where it is ``sure``."""
    CALLS.append(len(outcomes))
    part = outcomes.iloc[: int(of * len(outcomes))]
    hits, n = int((part["adversarial"] == part["label"]).sum()), len(part)
    low, high = wilson(hits, n)
    return {"value": 100 * hits / n, "n": n, "interval": (100 * low, 100 * high) if sure else None}


def mean_label(outcomes: pd.DataFrame) -> dict[str, Any]:
    CALLS.append(len(outcomes))
    value = outcomes["clean"].mean()
    return {"value": value, "n": len(outcomes), "interval": (value - 0.1, value + 0.2)}


def with_own(content: Any) -> None:
    me = "test_own_numbers"
    del content["tables"]["table3"]["rows"][6:]
    columns = content["tables"]["table3"]["columns"]
    columns.append({"column": "Kept", "metric": f"{me}:kept", "unit": "percent", **ATTACKED})
    columns.append({"column": "Half", "metric": f"{me}:kept", "unit": "percent", "arguments": {"of": 0.5}, **ATTACKED})
    columns.append({"column": "Bare", "metric": f"{me}:kept", "arguments": {"sure": False}, **ATTACKED})
    columns.append({"column": "Clean", "metric": f"{me}:mean_label"})


def with_claims(content: Any) -> None:
    for i, code in enumerate(("test_own_numbers:kept", "test_own_numbers:kept(sure=false)"), start=1):
        sides = {"left": {"metric": code, "variant": "bottom"}, "right": {"metric": code, "variant": "standard"}}
        body = {"text": "t", "section": "s", "stated": "yes", "share": 1, "margin": 0}
        content["claims"][f"OWN0{i}"] = {**body, "compare": [{**sides, "relation": ">", "match": ["target"]}]}


@pytest.fixture(scope="module")
def roots(table3_root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Made-up runs with these metrics, by the number of training seeds."""
    found = {}
    for seeds in (1, 3):
        project = copied(table3_root, tmp_path_factory.mktemp("own") / "project")
        project.edit(CLAIMS, with_claims)
        project.edit(DEFECTIVE, with_own)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(project.root)
            run(Plan(project.load(seeds=seeds)))
        found[seeds] = project.root
    return found


@pytest.fixture(params=[1, 3])
def made(
    request: pytest.FixtureRequest, roots: dict[int, Path], monkeypatch: pytest.MonkeyPatch
) -> tuple[Project, int]:
    """Each of the runs, as the working directory, and its seeds."""
    monkeypatch.chdir(roots[request.param])
    return Project(roots[request.param]), request.param


@pytest.fixture
def single(roots: dict[int, Path], monkeypatch: pytest.MonkeyPatch) -> Project:
    """The run of one seed, as the working directory."""
    monkeypatch.chdir(roots[1])
    return Project(roots[1])


def cells(column: str) -> pd.DataFrame:
    whole = pd.read_csv(CELLS, keep_default_na=False, na_values=[""])
    return whole[whole["column"] == column].reset_index(drop=True)


def outcomes(folder: str, target: str) -> pd.DataFrame:
    frame = pd.read_parquet(f"{folder}/evaluate/pgd16/{target}.parquet")
    return frame[(frame["attack"] == "pgd_e16_a1_t20") & (frame["source"] == ATTACKED["source"])]


def test_cells_have_what_the_function_says_of_each_seed(made: tuple[Project, int]) -> None:
    project, seeds = made
    targets = [row["model"] for row in project.load().papers["defective"]["tables"]["table3"]["rows"]]
    folders = [DATA, *(f"{DATA}-seed{i}" for i in range(1, seeds))]
    for column, of in (("Kept", 1.0), ("Half", 0.5), ("Bare", 1.0)):
        found = cells(column)
        assert len(found) == len(targets) == 6
        for cell, target in zip(found.to_dict("records"), targets, strict=True):
            said = [kept(outcomes(folder, target), of) for folder in folders]
            values = [one["value"] for one in said]
            assert cell["value"] == pytest.approx(np.mean(values), abs=1e-4)
            assert cell["n"] == said[0]["n"]
            low, high = np.mean([one["interval"] for one in said], axis=0)
            if column == "Bare":
                assert np.isnan([cell["ci_low"], cell["ci_high"]]).all()
            else:
                assert [cell["ci_low"], cell["ci_high"]] == pytest.approx([low, high], abs=0.05)
                assert low - 1e-3 <= cell["ci_low"] <= cell["value"] <= cell["ci_high"] <= high + 1e-3
            if seeds > 1:
                half = t.ppf(0.975, seeds - 1) * np.std(values, ddof=1) / np.sqrt(seeds)
                assert cell["seed_high"] == pytest.approx(np.mean(values) + half, abs=1e-3)


def test_cells_say_which_function_with_which_arguments(made: tuple[Project, int]) -> None:
    half, clean = cells("Half"), cells("Clean")
    assert set(half["metric"]) == {"test_own_numbers:kept(of=0.5)"}
    assert set(half["unit"]) == {"percent"}
    assert set(half["n"]) == {60}
    assert set(clean["unit"]) == {"score"}
    assert set(clean["n"]) == {300}
    assert clean["source"].isna().all()
    assert clean["fooled_source_share"].isna().all()
    assert set(half["fooled_source_share"]) == {100}


def test_no_sentence_below_a_table_is_false_of_such_numbers(made: tuple[Project, int]) -> None:
    text = (made[0].root / "tables/table3.md").read_text()
    assert "Each cell: paper \\| ours \\| difference, in" not in text
    assert "in percent, score." in text.replace("\\", "")
    assert "Wilson" not in text
    assert "mean over images" not in text
    assert "Mean defense rate in percent: " in text
    assert "printed defense rates: " in text
    assert "numbers of test_own_numbers:kept(of=0.5)" in text


def test_claims_judge_them_by_the_intervals_that_they_state(made: tuple[Project, int]) -> None:
    verdicts = pd.read_csv(f"{DATA}/claims/defective.csv").set_index("id")
    pairs = pd.read_csv(f"{DATA}/claims/defective.comparisons.csv")
    assert verdicts.loc["OWN01", "verdict"] == ("supported" if made[1] == 3 else "holds for these networks")
    assert verdicts.loc["OWN02", "verdict"] == "not applicable"
    assert verdicts.loc["OWN02", "note"] == "no interval can be formed"
    judged = pairs[pairs["claim"] == "OWN01"]
    assert (judged["low"] < judged["advantage"]).all()
    assert (judged["advantage"] < judged["high"]).all()
    assert judged["both"].isna().all()
    assert judged["mcnemar"].isna().all()


def test_the_audit_asks_no_function_of_the_users_own(single: Project, tmp_path: Path) -> None:
    baseline = str(shutil.copytree(single.root, tmp_path / "before"))
    CALLS.clear()
    report = audited(single, baseline)
    assert CALLS == []
    assert report["summary"]["well"]
    assert report["baseline"]["states"]["same"] == 60
    kept_cells = [one for table in report["exhibits"] for one in table["cells"] if one["column"] == "Kept"]
    assert all(cell["files"] for cell in kept_cells)


def test_a_baseline_compares_what_they_state(single: Project, tmp_path: Path) -> None:
    """A value within the interval of the other is noise, one far beyond it has moved; without one nobody can say."""
    before = shutil.copytree(single.root, tmp_path / "before")
    frame = pd.read_csv(before / CELLS)
    shift = {"Kept": -60.0, "Half": 0.5, "Bare": -60.0}
    moved = frame["column"].map(shift).fillna(0)
    names = ["value", "ci_low", "ci_high"]
    frame[names] = frame[names].add(moved, axis=0)
    plan = Plan(single.load())
    artefact = next(one for one in plan.inventory.artefacts("table3") if one.path == CELLS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(before)
        write_frame(CELLS, frame, Record("cells", artefact.settings, list(artefact.inputs)))
    CALLS.clear()
    found = pd.DataFrame(audited(single, str(before))["baseline"]["cells"])
    states = found.groupby("column")["state"].agg(set)
    assert states["Kept"] == {"moved"}
    assert states["Half"] == {"noise"}
    assert states["Bare"] == {"no interval"}
    assert states["Clean"] == {"same"}
    assert CALLS == []
    assert not found.loc[found["column"].isin(shift), "paired"].any()
