"""Committed pictures, tables and counts follow from the committed cells and claims."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lacuna.errors import TamperedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from lacuna.plan.plan import Plan

DEMO = "docs/results/demo"
RUNS = ("", "advdrop", "cross", "defective", "dual")  # folders of the demo whose tables and figures are rendered again
AGAIN = "python docs/_generate/committed.py writes it"
LEVELS = 1.0  # mean difference of two pictures, of 255, that another build of the libraries may make


@pytest.fixture(scope="module")
def committed(root: Path) -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root / "docs/_generate")
        yield import_module("committed")


@pytest.fixture(scope="module")
def laid_out(committed: ModuleType, root: Path) -> Iterator[Plan]:
    """The plan; the working directory has the committed cells."""
    with committed.laid_out(root) as plan:
        yield plan


def checked(path: Path, root: Path) -> bool:
    return path.parent in [root / DEMO / run for run in RUNS]


def test_committed_tables_are_what_their_cells_give(committed: ModuleType, laid_out: Plan, root: Path) -> None:
    made = {path: text for path, text in committed.tables(root, laid_out).items() if checked(path, root)}
    assert len(made) > 30
    assert [str(path) for path, text in made.items() if path.read_text() != text] == [], AGAIN


def test_committed_figures_are_what_their_cells_give(
    committed: ModuleType, laid_out: Plan, root: Path, tmp_path: Path
) -> None:
    paths = [path for path in committed.drawn_from_cells(root, laid_out) if checked(path, root)]
    assert {"defective-table3", "defective-figure4", "defective-figure5", "dual-figure4", "cross"} <= {
        path.stem for path in paths
    }
    for path in paths:
        committed.draw(laid_out, path.stem, tmp_path / "made.svg")
        assert path.with_suffix(".svg").read_text() == (tmp_path / "made.svg").read_text(), f"{path}: {AGAIN}"
        committed.draw(laid_out, path.stem, tmp_path / "made.png")
        here, made = (np.asarray(Image.open(one).convert("RGB"), float) for one in (path, tmp_path / "made.png"))
        assert here.shape == made.shape, f"{path}: {AGAIN}"
        assert np.abs(here - made).mean() < LEVELS, f"{path}: {AGAIN}"


def test_a_cell_that_was_edited_is_refused(committed: ModuleType, root: Path, tmp_path: Path) -> None:
    results = tmp_path / DEMO
    results.mkdir(parents=True)
    for name in committed.NEEDED:
        (tmp_path / name).symlink_to(root / name)
    for ending in ("csv", "csv.prov.json"):
        text = (root / DEMO / f"table3.cells.{ending}").read_text()
        (results / f"table3.cells.{ending}").write_text(text.replace("0.5-Bottom,", "0.6-Bottom,"))
    with committed.laid_out(tmp_path) as plan, pytest.raises(TamperedError, match="has changed since it was made"):
        committed.tables(tmp_path, plan)


# Counts ------------------------------------------------------------------------------------------------------------


def claims_of(root: Path, paper: str) -> pd.DataFrame:
    return pd.read_csv(root / DEMO / paper / f"{paper}-claims.csv").set_index("id")


@pytest.mark.parametrize("paper", ["defective", "dual"])
def test_the_verdicts_that_a_run_counts_are_those_of_its_claims(root: Path, paper: str) -> None:
    counts = claims_of(root, paper)["verdict"].value_counts().to_dict()
    text = re.sub(r"\s+", " ", (root / DEMO / paper / "README.md").read_text())
    (said,) = re.findall(rf"\({paper}-claims\.md\) \(([^)]*)\)", text)
    counted = {words.strip(): int(number) for number, words in re.findall(r"(\d+) ([a-z ]+)", said)}
    named = {verdict.replace("holds for", "hold for"): count for verdict, count in counts.items()}
    assert counted.items() <= named.items()
    assert {"contradicted", "inconclusive", "hold for these networks"} <= counted.keys()


@pytest.mark.parametrize("paper", ["defective", "dual", "advdrop"])
def test_the_table_of_claims_says_what_the_committed_verdicts_say(root: Path, paper: str) -> None:
    claims = claims_of(root, paper)
    rows = dict(re.findall(r"^\| ([A-Z]+\d+) \|(.*)\|$", (root / "docs/reproduction.md").read_text(), re.M))
    for name, claim in claims.iterrows():
        said = rows[str(name)].split(" | ")[2].strip()
        if said != "not compared" and not said.startswith("n/a"):
            assert said == f"{claim['hold']} of {claim['comparisons']}, {claim['verdict']}", name


def test_the_means_that_the_readme_shows_are_those_of_the_committed_cells(root: Path) -> None:
    readme = (root / "README.md").read_text()
    cells = pd.read_csv(root / DEMO / "table3.cells.csv")
    rates = cells[cells["metric"] == "defense_rate"]
    means = rates.assign(keep=rates["keep_prob"].fillna(1)).groupby("keep")[["value", "printed"]].mean().round(1)
    words = [f"{value:.1f} (paper {printed:.1f})" for value, printed in means.sort_index(ascending=False).to_numpy()]
    assert [word in readme for word in words] == [True] * 3, words
    (count,) = re.findall(r"dataset fashion-mnist-subset, (\d+) cells", readme)
    assert int(count) == len(cells)


# The audit's page --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report(committed: ModuleType, laid_out: Plan, root: Path) -> dict[str, Any]:
    assert committed
    found: dict[str, Any] = import_module("audited").report(root, laid_out)
    return found


def test_the_audit_of_the_committed_results_has_every_cell_and_every_verdict(
    report: dict[str, Any], committed: ModuleType, root: Path
) -> None:
    shown = {exhibit["id"]: len(exhibit["cells"]) for exhibit in report["exhibits"] if exhibit["kind"] == "table"}
    files = {path.name.removesuffix(".cells.csv"): path for path in committed.cells_below(root)}
    assert shown == {name: len(pd.read_csv(files[name])) for name in shown}
    assert len(shown) > 30
    verdicts = {claim["id"]: claim["verdict"] for paper in report["papers"] for claim in paper["claims"]}
    assert (
        verdicts
        == pd.concat([claims_of(root, paper) for paper in ("defective", "dual", "advdrop")])["verdict"].to_dict()
    )
    assert {file["state"] for file in report["files"]} == {"agrees"}


def test_the_audit_of_the_committed_results_says_what_it_cannot_say(report: dict[str, Any]) -> None:
    page = import_module("lacuna.audit.page").render_page(report, import_module("audited").ABOUT)
    assert "are not in the repository" in page
    assert '<th scope="col">ε_B 20</th>' in page
    assert 'href="#c-table3-1"' in page
    assert 'src="data:image/svg+xml;base64,' in page


def test_committed_metrics_are_those_of_the_committed_cells(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this fails: `python docs/_generate/committed_numbers.py`."""
    monkeypatch.syspath_prepend(root / "docs/_generate")
    made = import_module("committed_numbers").texts(root)
    assert [str(path) for path, text in made.items() if path.read_text() != text] == []
    folders = (root / "metrics/results", root / "plots/rates/results")
    assert {path for folder in folders for path in folder.rglob("*") if path.is_file()} == made.keys()
