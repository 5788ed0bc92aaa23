"""A stage of one's own takes the four places that CONTRIBUTING names; everything else then knows of it."""

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

STAGE = '''"""brightness: the mean of every clean image of a split."""

from typing import Any

from lacuna.plan.modules import FILES
from lacuna.plan.stage import Inputs, Stage


class Brightness(Stage):
    """The mean pixel of every image."""

    name = "brightness"
    after = ("dataset",)
    outputs = {"means": "brightness/{split}.csv"}
    modules = (*FILES, "numerics/images")

    def inputs(self, dataset: str, split: str) -> Inputs:
        return {"images": self.paths.of("dataset", split, dataset=dataset)}

    def settings(self, dataset: str, split: str) -> dict[str, Any]:
        return {"split": split}
'''
RULE = '''"""brightness: the mean of every clean image of a split."""


rule brightness:
    input:
        unpack(inputs("brightness")),
    output:
        **outputs("brightness"),
    log:
        log_of("brightness", "{split}"),
    params:
        settings=settings("brightness"),
    script:
        "../workflow/scripts/brightness.py"
'''
SCRIPT = '''"""Rule brightness."""

import pandas as pd

from lacuna.files.artefacts import Record, write_frame
from lacuna.files.contents import read_dataset
from lacuna.files.digests import planned_code
from lacuna.jobs.job import job
from lacuna.numerics.images import as_pixels

with job(snakemake) as say:
    code = planned_code(snakemake.input.code)
    record = Record("brightness", snakemake.params.settings, [snakemake.input.images], code)
    means = as_pixels(read_dataset(snakemake.input.images)["images"]).mean((1, 2, 3))
    write_frame(snakemake.output.means, pd.DataFrame({"image": range(len(means)), "mean": means.numpy()}), record)
    say(f"brightness {float(means.mean()):.3f}")
'''
MADE = "brightness/test.csv"


def test_a_new_stage_takes_four_places(finished: "Tree") -> None:
    places = {
        "src/lacuna/plan/stages/brightness.py": STAGE,
        "rules/brightness.smk": RULE,
        "workflow/scripts/brightness.py": SCRIPT,
    }
    for name, text in places.items():
        (finished / name).write_text(text)
    finished.append("Snakefile", '\n\ninclude: "rules/brightness.smk"\n')
    assert finished.planned() == {}, "what was made stays"

    target = str((finished.results / MADE).relative_to(finished.root))
    said = finished.run(target)
    assert "brightness 0." in said
    assert len(pd.read_csv(finished.results / MADE)) == 200
    record = json.loads((finished.results / f"{MADE}.prov.json").read_text())
    assert {"workflow/scripts/brightness.py", "src/lacuna/numerics/images.py"} <= record["volatile"]["code"].keys()
    assert finished.planned(target) == {}

    finished.append("workflow/scripts/brightness.py")
    assert finished.planned(target, *finished.targets) == {"brightness": 1}
