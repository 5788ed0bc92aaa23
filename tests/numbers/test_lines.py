"""Lines that cells count: found once for a whole file, they are those that a search of the file gives."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from lacuna.language.codes import Origin
from lacuna.numbers.lines import Outcomes, lines_of

TARGET = Origin("evaluate", "s", "t")
ATTACKS, SOURCES = ("none", "pgd_e8", "pgd_e16", "of no line"), ("", "vgg19-standard-s0", "none", "of no line")


def lines(seed: int) -> pd.DataFrame:
    """Lines in any order, with an index that repeats; attacks and sources as text or categories, some of them empty."""
    draw = np.random.default_rng(seed)
    n = int(draw.choice([0, 1, 7, 200]))
    values = {
        "attack": draw.choice(ATTACKS[:3], n),
        "source": draw.choice(SOURCES[:3], n),
        "image": draw.permutation(n),
    }
    frame = pd.DataFrame(values, index=draw.integers(0, 5, n))
    frame["source"] = frame["source"].mask(draw.random(n) < 0.2)
    frame["answers"] = [np.arange(k) for k in draw.integers(1, 4, n)]
    return frame.astype({"attack": "category", "source": "category"}) if draw.random() < 0.5 else frame


@pytest.mark.parametrize("seed", range(40))
def test_a_cell_gets_the_lines_that_a_search_finds(seed: int) -> None:
    frame = lines(seed)
    outcomes = Outcomes({TARGET: frame})
    for attack, source in [*product(ATTACKS, SOURCES)] * 2:
        cell: dict[str, Any] = {
            "metric": "defense_rate",
            "suite": "s",
            "target": "t",
            "attack": attack,
            "source": source,
        }
        searched = frame[(frame["attack"] == attack) & (frame["source"] == source)]
        assert_frame_equal(lines_of(cell, outcomes), searched, check_exact=True)


def test_a_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        Outcomes({}).lines(TARGET, "none", "")
