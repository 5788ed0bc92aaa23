"""The metric and the plot that docs/extend.md shows, with the entries that it shows for them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import yaml
from madeup import CELLS, run
from matplotlib.text import Text

from lacuna.plan.plan import Plan
from lacuna.plan.references import refuse_missing_code
from lacuna.reporting.drawing import figure

if TYPE_CHECKING:
    from projects import Project

DEFECTIVE = "config/papers/defective.yaml"


def section(root: Path, name: str) -> tuple[str, Any]:
    """The Python and the YAML below a heading of the document."""
    text = re.split(r"^## ", (root / "docs/extend.md").read_text(), flags=re.M)
    (body,) = [part for part in text if part.startswith(f"{name}\n")]
    (code,), (entry,) = (re.findall(rf"^```{kind}\n(.*?)^```$", body, re.M | re.S) for kind in ("python", "yaml"))
    return code, yaml.safe_load(entry)


def test_the_documents_metric_and_figure_do_as_they_stand(
    table3: Project, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(table3.root)
    monkeypatch.syspath_prepend(table3.root)
    (metric, table), (plot, drawn) = section(root, "A metric"), section(root, "A figure")
    Path("mine.py").write_text(f"{metric}\n\n{plot}")

    def add(content: Any) -> None:
        content["tables"]["table3"]["rows"] = content["tables"]["table3"]["rows"][3:6]
        content["tables"]["table3"]["columns"] += table["tables"]["table3"]["columns"]
        content["figures"] = drawn["figures"]

    table3.edit(DEFECTIVE, add)
    config = table3.load()
    refuse_missing_code(config)
    plan = Plan(config)
    run(plan)
    cells = pd.read_csv(CELLS).query("column == 'Flips'")
    assert set(cells["metric"]) == {"mine:flips(resamples=1000)"}
    assert set(cells["unit"]) == {"percent"}
    assert (cells["ci_low"] < cells["value"]).all()
    assert (cells["value"] < cells["ci_high"]).all()
    assert np.ptp(cells["value"]) > 0
    place = plan.lookup.wildcards_of("flips")
    made = figure(plan.stages["figure"].settings(**place), {"cells": [CELLS]})
    (axes,) = made.axes
    assert made.get_figheight() == 4
    assert len(axes.containers) == 2
    texts = " ".join(text.get_text() for text in made.findobj(Text) if isinstance(text, Text))
    assert "Answers that an attack changes" in texts
    assert "Drawn by mine:by_row." in " ".join(texts.split())
