"""Flags beside cells: signs that an accuracy under attack says more about the attack than about the network.

A network whose gradients lead nowhere looks robust to attacks that follow them (Athalye et al. 2018; Carlini et al.
2019).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lacuna.language.codes import MEASURED
from lacuna.language.methods import CROSS_ENTROPY
from lacuna.numbers.metrics import Cell, Outcomes, fooled, percent, rows_of, sample, summarise
from lacuna.numbers.statistics import Sample, same_images

FLAT = "zero gradients"
LARGER = "a larger budget does worse"
LESS = "an attack that knows less does better"
FLAT_SHARE = 0.05  # of the attacked images; above it the gradient has too little to say
LEVEL = 0.01  # of McNemar's exact test; a table makes hundreds of comparisons, nearly all of them clear the other way
TRANSFERRED, QUERIES, GRADIENTS = range(3)  # what an attack knows of the target
CHECK_COLUMNS = ["sdr_common_n", "sdr_common_low", "sdr_common_high", "zero_gradients", "beaten_by", "flags"]

Check = Mapping[str, str]  # of a cell: ball, larger (a code), loss; texts, empty where they do not apply


def right_on_all_rows(outcomes: Outcomes) -> set[int]:
    """Ids of the test images that every target of the table classifies correctly."""
    sets = []
    for (suite, _), frame in outcomes.items():
        if suite.startswith(MEASURED):
            continue
        clean = frame[frame["attack"] == "none"]
        sets.append(set(clean.loc[clean["clean"] == clean["label"], "image"]))
    return set.intersection(*sets) if sets else set()


def common(cell: Cell, outcomes: Outcomes, right: set[int]) -> Sample:
    """The cell's images that every row gets ``right`` when clean; transferred examples must fool their source."""
    counted = sample(cell, outcomes)
    kept = right
    if cell["source"] != cell["model"]:
        rows = rows_of(cell, outcomes)
        kept = right & set(rows.loc[fooled(rows), "image"])
    places = np.isin(counted.images, sorted(kept))
    return Sample(counted.images[places], counted.values[places])


def zero_gradients(cell: Cell, outcomes: Outcomes) -> float | None:
    """Percent of the attacked images at which the source's cross-entropy is flat; None where it has no gradient."""
    said = rows_of(cell, outcomes)["source_flat"]
    return percent((said[said >= 0] == 1).to_numpy())


def flags(cells: Sequence[Cell], checks: Sequence[Check], outcomes: Outcomes) -> pd.DataFrame:
    """Columns zero_gradients, beaten_by (columns of the table) and flags (texts) of every cell; "; " between texts."""
    samples = {i: sample(cell, outcomes) for i, cell in enumerate(cells) if checks[i]}
    lines: list[dict[str, Any]] = []
    for i, (cell, check) in enumerate(zip(cells, checks, strict=True)):
        if not check:
            lines.append({"zero_gradients": None, "beaten_by": "", "flags": ""})
            continue
        flat = zero_gradients(cell, outcomes) if check["loss"] else None
        rivals = _rivals(i, cells, checks)
        beaten = [cells[j]["column"] for j in rivals if does_better(samples[j], samples[i])]
        found = {
            FLAT: check["loss"] == CROSS_ENTROPY and (flat or 0) > 100 * FLAT_SHARE,
            LARGER: check["larger"] and does_better(samples[i], sample({**cell, "attack": check["larger"]}, outcomes)),
            LESS: beaten,
        }
        stands = "; ".join(flag for flag, holds in found.items() if holds)
        lines.append({"zero_gradients": flat, "beaten_by": "; ".join(beaten), "flags": stands})
    return pd.DataFrame(lines)


def does_better(first: Sample, second: Sample) -> bool:
    """Whether the first attack leaves fewer images right than the second, beyond noise, of those that both count."""
    _, one, other = np.intersect1d(first.images, second.images, return_indices=True)
    fewer = first.values[one].sum() < second.values[other].sum()
    return bool(fewer) and same_images(first, second)[1] < LEVEL


def _rivals(i: int, cells: Sequence[Cell], checks: Sequence[Check]) -> list[int]:
    """Places of the row's attacks within the same ball that know less, for an attack that has the target's gradient."""
    if not checks[i]["ball"] or _knows(cells[i], checks[i]) < GRADIENTS:
        return []
    return [
        j
        for j, check in enumerate(checks)
        if check
        and check["ball"] == checks[i]["ball"]
        and cells[j]["row"] == cells[i]["row"]
        and cells[j]["target"] == cells[i]["target"]
        and _knows(cells[j], check) < GRADIENTS
    ]


def _knows(cell: Cell, check: Check) -> int:
    if cell["source"] != cell["model"]:
        return TRANSFERRED
    return GRADIENTS if check["loss"] else QUERIES


def companions(cell: Cell, outcomes: Outcomes, right: set[int]) -> dict[str, Any]:
    """The defense rate on the common images with n and interval, and the accuracy over all, as a table's columns."""
    counted = summarise(common(cell, outcomes, right))
    everything = summarise(sample(cell, outcomes))["value"]
    names = {"value": "sdr_common", "n": "sdr_common_n", "ci_low": "sdr_common_low", "ci_high": "sdr_common_high"}
    return {"robust_accuracy_all": everything, **{names[key]: value for key, value in counted.items()}}
