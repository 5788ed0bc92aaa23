"""Several training seeds: what the plan adds, that a seed is a whole run of its own, and what cells say then."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from asking import exhibit_inputs, exhibit_settings
from madeup import CELLS, audited, run
from scipy import stats

from lacuna.cost import estimate
from lacuna.errors import LacunaError
from lacuna.language.codes import Origin, origin_of
from lacuna.numbers.cells import CELL_COLUMNS, SEED_COLUMNS
from lacuna.plan.plan import Plan
from lacuna.trace import describe_artefact, find_artefact

if TYPE_CHECKING:
    from projects import Project

BASE = "fashion-mnist-subset"


def moved(text: str, seed: int) -> str:
    """A path or settings of the first seed, as the folder of another would have it."""
    return re.sub('(^|")(results/[a-z]+/[a-z0-9-]+)/', rf"\1\2-seed{seed}/", text)


# The plan --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 4])
def test_each_further_seed_is_the_run_of_that_seed_in_a_folder_of_its_own(project: Project, first: int) -> None:
    """Everything is made again, sources and selections too, from the same settings but for the seed."""
    plan = Plan(project.load(seed=first, seeds=3))
    several = {a.path: a for a in plan.inventory.artefacts(*plan.lookup.tables)}
    alone = [Plan(project.load(seed=first + i)).inventory.artefacts(*plan.lookup.tables) for i in range(3)]
    kept = {a.path for a in alone[0] if a.stage != "cells"}
    assert {several[a.path] for a in alone[0] if a.stage != "cells"} == {a for a in alone[0] if a.stage != "cells"}
    for i in (1, 2):
        for artefact in alone[i]:
            if artefact.stage == "cells":
                continue
            twin, settings = several[moved(artefact.path, first + i)], json.loads(moved(artefact.settings, first + i))
            curves = settings.pop("history", False)  # drawn of the first seed
            assert json.loads(twin.settings) == settings
            assert twin.inputs == tuple(moved(name, first + i) for name in artefact.inputs)[: 1 if curves else None]
            kept.add(twin.path)
    assert several.keys() - kept == {a.path for a in alone[0] if a.stage == "cells"}


def test_cells_and_claims_read_the_outcomes_of_every_seed(project: Project) -> None:
    one, three = (Plan(project.load(seeds=seeds)) for seeds in (1, 3))
    outcomes = exhibit_inputs(three, "cells", "table3")["outcomes"]
    assert outcomes[:15] == exhibit_inputs(one, "cells", "table3")["outcomes"]
    assert len(outcomes) == 45
    assert set(three.stages["claims"].inputs(BASE, "defective")["outcomes"]) >= set(outcomes)
    settings = exhibit_settings(three, "cells", "table3")
    assert settings["replicas"] == [BASE, f"{BASE}-seed1", f"{BASE}-seed2"]
    assert [(said["folder"], said["path"]) for said in settings["outcomes"]] == [
        (path.split("/")[2], path) for path in outcomes
    ]
    for name in three.lookup.figures:
        assert exhibit_inputs(three, "figure", name) == exhibit_inputs(one, "figure", name)


def test_one_seed_plans_as_if_the_key_were_not_there(project: Project) -> None:
    project.edit("config/config.yaml", lambda content: content.pop("seeds"))
    without, one = Plan(project.load()), Plan(project.load(seeds=1))
    assert without.inventory.artefacts() == one.inventory.artefacts()


def test_the_cost_counts_every_seed(table3: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(table3.root)
    one, three = (estimate(Plan(table3.load(seeds=seeds)), ["table3"]) for seeds in (1, 3))
    assert (three.trainings, three.attacks) == (3 * one.trainings, 3 * one.attacks)
    assert three.seconds == pytest.approx(3 * one.seconds)


@pytest.mark.parametrize("seeds", [0, -1, "3", 2.0, True])
def test_a_number_of_seeds_is_a_whole_number_above_zero(project: Project, seeds: Any) -> None:
    with pytest.raises(LacunaError, match=r"key seeds: .* is not allowed; allowed: an integer of at least 1"):
        project.load(seeds=seeds)


def test_a_dataset_with_the_name_of_a_seeds_folder_is_refused(project: Project) -> None:
    def add(content: Any) -> None:
        content[f"{BASE}-seed2"] = content[BASE]

    project.edit("config/datasets.yaml", add)
    Plan(project.load(seeds=2))
    with pytest.raises(LacunaError, match=f"'{BASE}-seed2' is the name of a training seed's folder"):
        Plan(project.load(seeds=3))


# Cells -----------------------------------------------------------------------------------------------------


@pytest.fixture
def three(table3: Project, monkeypatch: pytest.MonkeyPatch) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Table 3's cells over three seeds, and those of each seed, from made-up outcomes."""
    monkeypatch.chdir(table3.root)
    table3.edit("config/claims/defective.yaml", lambda content: content["claims"].pop("OBS07"))
    run(Plan(table3.load(seeds=3)))
    together = pd.read_csv(CELLS)
    alone = []
    for folder in (BASE, f"{BASE}-seed1", f"{BASE}-seed2"):
        alone.append(one_seed(Plan(table3.load()), folder))
    return together, alone


def one_seed(plan: Plan, folder: str) -> pd.DataFrame:
    from lacuna.numbers.cells import compute_cells

    settings = exhibit_settings(plan, "cells", "table3")
    outcomes = {
        origin_of(c): pd.read_parquet(
            plan.stages["evaluate"].path("outcomes", dataset=folder, suite=c["suite"], target=c["target"])
        )
        for c in settings["cells"]
    }
    printed = pd.read_csv("data/printed/defective.csv").query("table == 3")
    return compute_cells(settings, outcomes, printed, dict.fromkeys(outcomes, "digits"))


def test_a_cell_is_the_mean_with_a_t_interval_in_columns_of_its_own(
    three: tuple[pd.DataFrame, list[pd.DataFrame]],
) -> None:
    together, alone = three
    assert list(together.columns) == [*CELL_COLUMNS[:-1], *SEED_COLUMNS, "provenance"]
    values = np.array([one["value"] for one in alone])
    assert (values.std(axis=0) > 0).mean() > 0.9, "three different trainings"
    np.testing.assert_allclose(together["value"], values.mean(axis=0), atol=1e-4)
    half = stats.t.ppf(0.975, 2) * stats.sem(values, axis=0)
    np.testing.assert_allclose(together["seed_low"], values.mean(axis=0) - half, atol=1e-4)
    np.testing.assert_allclose(together["seed_high"], values.mean(axis=0) + half, atol=1e-4)
    for name in ("robust_accuracy_all", "sdr_common", "fooled_source_share"):
        expected = np.mean([one[name].to_numpy(dtype=float) for one in alone], axis=0)
        np.testing.assert_allclose(together[name], expected, atol=1e-4)
    assert together["n"].tolist() == np.min([one["n"] for one in alone], axis=0).tolist()
    assert set(together["seeds"]) == {3}
    shown = together["seed_values"].str.split(" ", expand=True).astype(float).to_numpy().T
    np.testing.assert_allclose(shown, values, rtol=1e-5)
    assert together["print_low"].isna().all(), "neither the width nor the dataset is the paper's"


def test_the_interval_over_images_stays_apart_from_that_over_trainings(
    three: tuple[pd.DataFrame, list[pd.DataFrame]],
) -> None:
    """Narrower than one network's own interval, since errors of three networks partly cancel; whatever the t does."""
    together, alone = three
    width = together["ci_high"] - together["ci_low"]
    own = np.mean([one["ci_high"] - one["ci_low"] for one in alone], axis=0)
    assert (width < 1.05 * own).all()
    assert (width > own / 3).all()
    assert (together["ci_low"] <= together["value"]).all()
    assert (together["value"] <= together["ci_high"]).all()
    assert together["seed_high"].sub(together["seed_low"]).corr(width) < 0.9


def test_three_seeds_are_judged_together_and_lead_back_to_every_training(
    three: tuple[pd.DataFrame, list[pd.DataFrame]], table3: Project
) -> None:
    report = audited(table3, seeds=3)
    claims = {claim["id"]: claim for claim in report["papers"][0]["claims"]}
    judged = claims["DEF10"]
    assert (judged["verdict"], judged["seeds"]) == ("inconclusive", 3), "three trainings decide few of 50 comparisons"
    assert judged["hold"] > 0.8 * judged["comparisons"]
    cell = report["exhibits"][0]["cells"][0]
    assert [Path(path).parts[2] for path in cell["files"]] == [BASE, f"{BASE}-seed1", f"{BASE}-seed2"]
    assert report["problems"] == []
    for digits, path in zip(cell["provenance"].split(), cell["files"], strict=True):
        assert find_artefact(digits, Path("results")) == path
        assert any('"seed": ' in line for line in describe_artefact(path))
    text = Path(CELLS.replace("cells/table3.csv", "table/table3.md")).read_text()
    assert "Means of 3 trainings, with the 95 % t interval over trainings in brackets." in text


def test_a_cell_without_images_in_one_seed_is_empty(table3: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from lacuna.numbers.cells import table_cells

    monkeypatch.chdir(table3.root)
    settings = exhibit_settings(Plan(table3.load(seeds=2)), "cells", "table3")
    cell = settings["cells"][0] | {"suite": "s", "target": "t", "attack": "a", "source": "vgg19-standard-s0"}
    settings |= {"cells": [cell]}
    names = {
        "image": [0, 1],
        "label": 0,
        "source_clean": 0,
        "source_adversarial": 1,
        "source_flat": 0,
        "valid": True,
        "distance": 0.0,
    }
    frame = pd.DataFrame(names | {"attack": ["none", "a"], "source": ["", "vgg19-standard-s0"], "adversarial": 0})
    outcomes = {(f, Origin("evaluate", "s", "t")): frame.assign(clean=int(f != BASE)) for f in settings["replicas"]}
    printed = pd.read_csv("data/printed/defective.csv").head(0)
    [line] = table_cells(settings, outcomes, printed, dict.fromkeys(outcomes, "d")).to_dict("records")
    assert line["n"] == 0
    assert np.isnan([line[name] for name in ("value", "ci_low", "ci_high", "seed_low", "seed_high")]).all()
