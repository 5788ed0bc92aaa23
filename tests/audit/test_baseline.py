"""Two runs compared: what counts as the same, as noise and as moved; how sure that is; what is no baseline."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from forging import edit_record
from madeup import CELLS, DATA, audited, rerun

from lacuna.audit.baseline import CELL_STATES, compare_runs
from lacuna.errors import LacunaError
from lacuna.files.artefacts import Record, write_frame

if TYPE_CHECKING:
    from projects import Project


@pytest.fixture
def before(made: Project, tmp_path: Path) -> Path:
    """A copy of the whole run, elsewhere."""
    return Path(shutil.copytree(made.root, tmp_path / "before"))


def lines(found: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(found["cells"])


def moved(found: dict[str, Any]) -> int:
    return int(found["states"]["moved"])


def test_a_run_is_the_same_as_itself(made: Project, before: Path) -> None:
    report = audited(made, baseline=str(before))
    assert report["baseline"]["states"] == dict.fromkeys(CELL_STATES, 0) | {"same": 90}
    assert report["summary"]["well"]


@pytest.mark.parametrize(
    "where", ["", "results", "results/demo", f"{DATA}/cells", CELLS, "tables", "tables/table3.cells.csv"]
)
def test_a_baseline_is_a_checkout_its_results_its_tables_or_a_file(before: Path, where: str) -> None:
    assert compare_runs([CELLS], str(before / where), "demo")["states"]["same"] == 90


def test_other_draws_of_equal_networks_are_noise_and_a_real_change_has_moved(made: Project, before: Path) -> None:
    rerun(made, seed=1)
    found = compare_runs([CELLS], str(before), "demo")
    assert moved(found) == 0
    assert found["states"]["noise"] > 60
    assert lines(found).query("state == 'noise'")["paired"].all()
    rerun(made, seed=1, weaker="vgg19-standard-s1")
    found = compare_runs([CELLS], str(before), "demo")
    table = lines(found).query("state == 'moved'")
    assert len(table) >= 4
    assert set(table["target"]) == {"vgg19"}
    assert set(table["row"]) == {"VGG-19"}
    assert ((table["low"] <= table["difference"]) & (table["difference"] <= table["high"])).all()
    np.testing.assert_allclose(table["difference"].astype(float), table["ours"] - table["theirs"], atol=1e-3)


def test_images_are_paired_where_both_outcomes_are_there_and_of_one_test_set(made: Project, before: Path) -> None:
    """Paired intervals are narrower, since hard images are hard in both runs."""
    rerun(made, seed=1)
    by_image = lines(compare_runs([CELLS], str(before), "demo"))
    by_count = lines(compare_runs([CELLS], str(before / "tables"), "demo"))
    assert not by_count["paired"].any()
    both = by_image["state"].eq("noise") & by_count["state"].eq("noise") & by_image["attack"].eq("none")
    assert both.sum() > 10
    widths = [(frame["high"] - frame["low"])[both].astype(float) for frame in (by_image, by_count)]
    assert (widths[0] < widths[1]).all()
    for record in (before / DATA).glob("evaluate/*/*.prov.json"):
        other = {f"{DATA}/dataset/test.safetensors": "0" * 64}
        name = str(record).removesuffix(".prov.json")
        edit_record(name, lambda content: content["stable"]["inputs"].update(other), seal=True)  # noqa: B023
    assert not lines(compare_runs([CELLS], str(before), "demo"))["paired"].any()


def cells_file(tmp_path: Path, name: str, value: Any, n: Any, **other: Any) -> str:
    """A published file of cells: shares of n images."""
    frame = pd.DataFrame({"row": [str(i) for i in range(len(value))], "value": value, "n": n})
    shared = {"exhibit": "t", "column": "c", "target": "x", "keep_prob": "", "variant": "", "source": "", "attack": "a"}
    frame = frame.assign(**(shared | {"metric": "m", "unit": "percent", "dataset": "d", "scale": "demo"} | other))
    path = str(tmp_path / f"{name}.cells.csv")
    frame.to_csv(path, index=False)
    return path


def test_equal_networks_are_called_moved_in_at_most_five_percent_of_comparisons(tmp_path: Path) -> None:
    """The stated rate, over whole tables: 40 cells, none of which changed, in 200 runs."""
    draw = np.random.default_rng(0)
    wrong = 0
    for _ in range(200):
        n = draw.integers(100, 800, size=40)
        p = draw.uniform(0.02, 0.98, size=40)
        ours, theirs = (cells_file(tmp_path, s, 100 * draw.binomial(n, p) / n, n) for s in ("a", "b"))
        wrong += moved(compare_runs([ours], theirs, "demo")) > 0
    assert wrong / 200 <= 0.05 + 2 * (0.05 * 0.95 / 200) ** 0.5


def test_a_change_of_a_few_points_is_found_on_many_images_only(tmp_path: Path) -> None:
    for n, state in ((200, "noise"), (20_000, "moved")):
        ours, theirs = cells_file(tmp_path, "a", [50.0, 50.0], n), cells_file(tmp_path, "b", [53.0, 50.0], n)
        assert lines(compare_runs([ours], theirs, "demo"))["state"].tolist() == [state, "same"]


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    ours = cells_file(tmp_path, "a", [50.0, None, 50.0], [100, 0, 100])
    theirs = cells_file(tmp_path, "b", [40.0, 40.0, 50.0, 1.0], 100)
    states = lines(compare_runs([ours], theirs, "demo"))["state"].tolist()
    assert states == ["noise", "no interval", "same", "only in the baseline"]
    assert compare_runs([ours], ours, "demo")["states"]["same"] == 3
    assert lines(compare_runs([theirs], ours, "demo"))["state"].tolist()[-1] == "only here"
    other = cells_file(tmp_path, "c", [40.0], 100, dataset="e")
    assert lines(compare_runs([ours], other, "demo"))["state"].tolist()[0] == "not comparable"
    impossible = cells_file(tmp_path, "d", [400.0], 100)
    assert lines(compare_runs([ours], impossible, "demo"))["state"].tolist()[0] == "no interval"
    median = {"unit": "median_squared_l2_per_pixel"}
    ours, theirs = (cells_file(tmp_path, s, [v], 100, **median) for s, v in (("a", 1e-5), ("b", 2e-5)))
    assert lines(compare_runs([ours], theirs, "demo"))["state"].tolist() == ["no interval"]


@pytest.mark.parametrize("where", ["nowhere", "config", "data/printed/defective.csv", "config/config.yaml", "binary"])
def test_what_is_no_baseline_is_refused_in_one_sentence(made: Project, where: str) -> None:
    Path("binary").write_bytes(bytes(range(256)))
    with pytest.raises(LacunaError) as error:
        compare_runs([CELLS], where, "demo")
    assert "\n" not in str(error.value)
    assert where in str(error.value)


def test_a_tampered_baseline_is_refused(made: Project, before: Path) -> None:
    path = before / CELLS
    path.write_text(path.read_text().replace("resnet18", "resnet19", 1))
    with pytest.raises(LacunaError, match="has changed since it was made"):
        compare_runs([CELLS], str(before), "demo")


def test_files_of_another_place_are_compared_by_their_numbers(made: Project, tmp_path: Path) -> None:
    """A record without its outcomes beside it."""
    frame = pd.read_csv(CELLS)
    frame["value"] -= 1
    lone = str(tmp_path / "lone.csv")
    write_frame(lone, frame, Record("cells", "{}"))
    assert not lines(compare_runs([CELLS], lone, "demo"))["paired"].any()
