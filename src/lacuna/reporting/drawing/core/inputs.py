"""What figures are drawn from: cells, sets of examples, and the note that every figure ends with."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lacuna.files.artefacts import read_frame, read_tensors
from lacuna.reporting.examples import Examples

if TYPE_CHECKING:
    from torch import Tensor

# Inputs of a figure by name, each a list of paths: cells, images, adversarial, outcomes, checkpoints, histories,
# foreground.
Files = Mapping[str, Sequence[str]]
Settings = Mapping[str, Any]


def note_of(scale: str, dataset: str, reproduces: bool) -> str:
    """How the line below every figure begins: where its data come from, whether it may be compared with the paper's."""
    warning = "" if reproduces else ": no reproduction of the paper's figure"
    return f"Scale {scale}, dataset {dataset}{warning}."


def note_for(settings: Settings) -> str:
    """The note of a figure that is not drawn from cells, from its scale, dataset and paper_dataset."""
    same = settings["dataset"] == settings["paper_dataset"]
    note = note_of(settings["scale"], settings["dataset"], settings["scale"] == "paper" and same)
    return " ".join([note, *settings.get("notes", [])])


def rule_for(
    data: "Mapping[str, Tensor]",
    chosen: np.ndarray,
    classes: Sequence[str],
    fools: str = "fools the source under every attack shown",
) -> str:
    """The sentence on how the only image of a figure, with the id ``chosen`` (1,), was chosen."""
    image, label = int(chosen[0]), int(data["labels"][chosen[0]])
    return f"Test image {image}, {classes[label]}: of the first class with one, the first that {fools}."


def cells_of(settings: Settings, files: Files) -> tuple[pd.DataFrame, str]:
    """The cells of a table, and the note they give: printed values without a difference cannot be compared."""
    cells = read_frame(files["cells"][0])
    incomparable = cells["printed"].notna() & cells["value"].notna() & cells["difference"].isna()
    scale, dataset = cells["scale"].iloc[0], cells["dataset"].iloc[0]
    ours = "beaten_by" in cells  # a table that no paper has
    note = note_of(scale, dataset, ours or (scale == "paper" and not incomparable.any()))
    return cells, " ".join([note, *settings.get("notes", [])])


def sets_of(settings: Settings, files: Files) -> list[Examples]:
    """The adversarial examples of each of the settings' rows, {label, attack}, attack a code; one file per row."""
    return [
        Examples.read(read_tensors(path), row["attack"], row["label"])
        for row, path in zip(settings["rows"], files["adversarial"], strict=True)
    ]
