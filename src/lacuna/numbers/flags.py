"""Flags beside cells: signs that an accuracy under attack says more about the attack than about the network.

A network whose gradients lead nowhere looks robust to attacks that follow gradients (Athalye et al. 2018; Carlini et
al. 2019).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lacuna.language.attacks import loss_of
from lacuna.language.codes import origin_of, white_box
from lacuna.language.doubts import COLUMN, join_texts
from lacuna.language.methods import CROSS_ENTROPY
from lacuna.numbers.lines import CellSettings, Outcomes, lines_of
from lacuna.numbers.metrics import fools_source, percentage, sample, summarise
from lacuna.numbers.statistics import Sample, same_images

FLAT = "zero gradients"
LARGER = "a larger budget does worse"
LESS = "an attack that knows less does better"
FLAT_SHARE = 0.05  # of the attacked images; above it the gradient has too little to say
MCNEMAR_LEVEL = 0.01  # of the exact test; a table makes hundreds of comparisons, nearly all clear the other way
TRANSFERRED, QUERIES, GRADIENTS = range(3)  # what an attack knows of the target
FLAGS = "flags"
CHECK_COLUMNS = ["sdr_common_n", "sdr_common_low", "sdr_common_high", "zero_gradients", "beaten_by", FLAGS]

# What a cell is checked for: ball, larger (a code), loss. They are texts, empty where they do not apply.
Check = Mapping[str, str]


def images_right_on_all_rows(outcomes: Outcomes) -> set[int]:
    """Ids of the test images that every target of the table gets right."""
    frames = [frame for origin, frame in outcomes.items() if not origin.measures]
    clean = [frame[frame["attack"] == "none"] for frame in frames]
    sets = [set(frame.loc[frame["clean"] == frame["label"], "image"]) for frame in clean]
    return set.intersection(*sets) if sets else set()


def common_sample(cell: CellSettings, outcomes: Outcomes, right: set[int]) -> Sample:
    """The cell's sample on the images that every row gets ``right`` when clean.

    Transferred examples count where they fool their source.
    """
    counted = sample(cell, outcomes)
    kept = right
    if not white_box(cell):
        lines = lines_of(cell, outcomes)
        kept = right & set(lines.loc[fools_source(lines), "image"])
    return counted.at(np.isin(counted.images, sorted(kept)))


def zero_gradient_share(cell: CellSettings, outcomes: Outcomes) -> float | None:
    """Percent of the attacked images at which the source's cross-entropy is flat; None where it has no gradient."""
    said = lines_of(cell, outcomes)["source_flat"]
    return percentage((said[said >= 0] == 1).to_numpy())


def flag_columns(cells: Sequence[CellSettings], checks: Sequence[Check], outcomes: Outcomes) -> pd.DataFrame:
    """One line per cell: zero_gradients in percent, and the texts beaten_by and flags, whose parts "; " separates.

    The parts of beaten_by are columns of the table. A cell that is not checked has no flags.
    """
    samples = {i: sample(cell, outcomes) for i, cell in enumerate(cells) if checks[i]}
    rivals = _rivals(cells, checks)
    nothing = {"zero_gradients": None, "beaten_by": "", "flags": ""}
    return pd.DataFrame(
        [
            _flags(i, cells, check, samples, rivals[i], outcomes) if check else nothing
            for i, check in zip(range(len(cells)), checks, strict=True)
        ]
    )


def _flags(
    i: int,
    cells: Sequence[CellSettings],
    check: Check,
    samples: Mapping[int, Sample],
    rivals: Sequence[int],
    outcomes: Outcomes,
) -> dict[str, Any]:
    """The line of one cell in `flag_columns`."""
    cell = cells[i]
    flat = zero_gradient_share(cell, outcomes) if check["loss"] else None
    beaten = [cells[j]["column"] for j in rivals if does_better(samples[j], samples[i])]
    larger = {**cell, "attack": check["larger"]}
    found = {
        FLAT: check["loss"] == CROSS_ENTROPY and (flat or 0) > 100 * FLAT_SHARE,
        LARGER: check["larger"] and does_better(samples[i], sample(larger, outcomes)),
        LESS: beaten,
    }
    flags = "; ".join(flag for flag, holds in found.items() if holds)
    return {"zero_gradients": flat, "beaten_by": "; ".join(beaten), "flags": flags}


def all_flags(cells: Sequence[CellSettings], checked: Sequence[str], outcomes: Outcomes) -> list[str]:
    """The flags of every cell, as texts like those of `flag_columns`, which are ``checked``.

    Beside these every cell is looked at for zero gradients and for doubts about code of the user's own.
    """
    return [
        join_texts([FLAT if _is_flat(cell, outcomes) else "", text, *_doubts(cell, outcomes)])
        for cell, text in zip(cells, checked, strict=True)
    ]


def _is_flat(cell: CellSettings, outcomes: Outcomes) -> bool:
    """Whether an attack that follows the cross-entropy has no gradient at more than `FLAT_SHARE` of its images."""
    followed = loss_of(cell["attack"]) == CROSS_ENTROPY and not origin_of(cell).measures
    if not followed or "source_flat" not in outcomes[origin_of(cell)]:  # of another program's outcomes
        return False
    return (zero_gradient_share(cell, outcomes) or 0) > 100 * FLAT_SHARE


def _doubts(cell: CellSettings, outcomes: Outcomes) -> list[str]:
    """The doubts about a cell's targets and its attack."""
    asked = [{**cell, "target": target} for target in cell.get("pair") or [cell["target"]]]
    lines = [lines_of(one, outcomes) for one in asked if COLUMN in outcomes[origin_of(one)]]
    return [str(text) for part in lines for text in part[COLUMN].dropna().unique()]


def does_better(first: Sample, second: Sample) -> bool:
    """Whether the first attack leaves fewer images right than the second, beyond noise, of those that both count."""
    _, one, other = np.intersect1d(first.images, second.images, return_indices=True)
    fewer = first.values[one].sum() < second.values[other].sum()
    return bool(fewer) and same_images(first, second)[1] < MCNEMAR_LEVEL


def _rivals(cells: Sequence[CellSettings], checks: Sequence[Check]) -> list[list[int]]:
    """For each cell the places of attacks on its row, within its ball, that know less than its attack with gradients.

    An attack without the target's gradient has no rivals.
    """
    pairs = [*zip(cells, checks, strict=True)]
    balls = [(cell["row"], cell["target"], check.get("ball")) for cell, check in pairs]
    known = [_knowledge(cell, check) if check.get("ball") else None for cell, check in pairs]
    lesser: dict[tuple[Any, ...], list[int]] = {}
    for j, knowledge in enumerate(known):
        if knowledge in (TRANSFERRED, QUERIES):
            lesser.setdefault(balls[j], []).append(j)
    return [
        lesser.get(ball, []) if knowledge == GRADIENTS else [] for ball, knowledge in zip(balls, known, strict=True)
    ]


def _knowledge(cell: CellSettings, check: Check) -> int:
    """What a cell's attack knows of the target."""
    if not white_box(cell):
        return TRANSFERRED
    return GRADIENTS if check["loss"] else QUERIES


def companions(cell: CellSettings, outcomes: Outcomes, right: set[int]) -> dict[str, Any]:
    """Columns beside a cell: the defense rate on the common images with n and interval, and the accuracy over all.

    The common images are those that every row gets ``right`` when clean (`common_sample`).
    """
    counted = summarise(common_sample(cell, outcomes, right))
    everything = summarise(sample(cell, outcomes))["value"]
    names = {"value": "sdr_common", "n": "sdr_common_n", "ci_low": "sdr_common_low", "ci_high": "sdr_common_high"}
    return {"robust_accuracy_all": everything, **{name: counted[key] for key, name in names.items()}}
