"""What a plot declares: a file in the folder is a plot, and its declaration and its drawing fit each other."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from asking import exhibit_inputs, exhibit_settings
from drawing import BASE, Store, examples_files, words
from jsonschema import Draft202012Validator

import lacuna.reporting.drawing
import lacuna.reporting.plots
from lacuna.config import schema
from lacuna.config.load import load
from lacuna.errors import LacunaError
from lacuna.plan.plan import Plan
from lacuna.reporting.drawing import figure
from lacuna.reporting.plots import plots

if TYPE_CHECKING:
    from projects import Project

CHOSEN = {"scale": "demo", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
DEFECTIVE = "config/papers/defective.yaml"
PACKAGES = (lacuna.reporting.plots, lacuna.reporting.drawing)


def modules(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.py")} - {"__init__"}


def test_each_plot_has_a_drawing_of_its_name_and_each_drawing_is_a_plot(root: Path) -> None:
    declared, drawn = (modules(root / f"src/lacuna/reporting/{folder}") for folder in ("plots", "drawing"))
    assert declared == drawn == plots().keys()


def test_each_plot_is_shown_by_a_figure_and_described(root: Path) -> None:
    figures = load(root, CHOSEN).papers.values()
    shown = {body["plot"] for paper in figures for body in paper["figures"].values()}
    rows = re.findall(r"^\| `(\w+)` \|", (root / "docs/figures.md").read_text(), re.M)
    assert shown == set(rows) == plots().keys()


@pytest.mark.parametrize("name", plots())
def test_every_key_of_a_plot_has_a_schema_that_says_what_is_allowed(name: str) -> None:
    for key, one in plots()[name].keys.items():
        Draft202012Validator.check_schema(one.schema)
        assert {"description", "enum"} & one.schema.keys(), key


# A new plot ----------------------------------------------------------------------------------------------------


@pytest.fixture
def bars(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plot that docs/figures.md shows, as two files in folders that are listed like those of the library."""
    texts = re.findall(r"^```python\n(.*?)^```$", (root / "docs/figures.md").read_text(), re.M | re.S)
    caches = (plots, schema._whole, schema._slow)
    for package, text in zip(PACKAGES, texts, strict=True):
        folder = tmp_path / package.__name__
        folder.mkdir()
        (folder / "bars.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    for cache in caches:
        cache.cache_clear()
    yield
    for package in PACKAGES:
        sys.modules.pop(f"{package.__name__}.bars", None)
        vars(package).pop("bars", None)
    for cache in caches:
        cache.cache_clear()


def entry(**body: Any) -> Any:
    """Another figure of a paper."""
    figure = {"title": "Test images", "plot": "bars", "dataset": "cifar10", "order": "count"} | body
    return lambda content: content["figures"].update({"some-bars": figure})


@pytest.mark.usefixtures("bars")
def test_two_new_files_are_a_new_plot(table3: Project, tmp_path: Path) -> None:
    table3.edit(DEFECTIVE, entry())
    plan = Plan(table3.load())
    dataset = plan.lookup.dataset_of("some-bars")
    assert exhibit_inputs(plan, "figure", "some-bars") == {
        "images": [plan.paths.of("dataset", "test", dataset=dataset)]
    }
    said = exhibit_settings(plan, "figure", "some-bars")
    assert (said["order"], said["dataset"], said["classes"][-1]) == ("count", dataset, "ankle boot")
    _, files = examples_files(Store(tmp_path))
    drawn = figure(BASE | {"plot": "bars", "order": "count"}, {"images": files["images"]})
    widths = [patch.get_width() for patch in drawn.axes[0].patches]
    assert widths == sorted(widths, reverse=True)
    assert sum(widths) == 40
    assert "Scale demo, dataset mnist: no reproduction of the paper's figure." in words(drawn).replace("\n", " ")


@pytest.mark.usefixtures("bars")
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"order": "size"}, ', key figures.some-bars.order: "size" is not allowed; allowed: label, count'),
        ({"alphas": [1]}, ": key figures.some-bars.alphas is not known; allowed: dataset, order, plot, title"),
        ({"ordr": "label"}, ": key figures.some-bars.ordr is not known (did you mean 'order'?); allowed: dataset, o"),
        ({"dataset": "svhn"}, ", key figures.some-bars.dataset: 'svhn' is not known; allowed: cifar10"),
        ({"plot": "bar"}, ', key figures.some-bars.plot: "bar" is not allowed; allowed: attention, bars, curves'),
    ],
)
def test_mistakes_in_an_entry_of_a_new_plot_are_refused(table3: Project, body: dict[str, Any], says: str) -> None:
    table3.edit(DEFECTIVE, entry(**body))
    with pytest.raises(LacunaError) as refused:
        table3.load()
    assert str(refused.value).startswith(f"{DEFECTIVE}{says}")


def test_without_its_files_there_is_no_such_plot(table3: Project) -> None:
    table3.edit(DEFECTIVE, entry())
    with pytest.raises(LacunaError, match=r'-bars\.plot: "bars" is not allowed; allowed: attention, curves'):
        table3.load()
