"""Outcomes and measures as cells ask for them: the lines of one attack on one source, found without a search."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from lacuna.language.codes import Origin, origin_of

CellSettings = Mapping[str, Any]
NONE = np.zeros(0, dtype=np.intp)


class Outcomes(Mapping[Origin, pd.DataFrame]):
    """The outcomes or measures of one training seed, by their origin.

    The places of an origin's attacks and sources are found once, when the first cell asks for them. A table has as many
    cells as there are attacks on sources, so a search per cell would take the square of their number.
    """

    def __init__(self, frames: Mapping[Origin, pd.DataFrame]) -> None:
        self._frames = frames
        self._places: dict[Origin, Mapping[Any, Any]] = {}

    def __getitem__(self, origin: Origin) -> pd.DataFrame:
        return self._frames[origin]

    def __iter__(self) -> Iterator[Origin]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)

    def lines(self, origin: Origin, attack: str, source: str) -> pd.DataFrame:
        """An origin's lines of an attack on a source, in their order; KeyError for an origin that is not there."""
        frame = self._frames[origin]
        if origin not in self._places:
            self._places[origin] = frame.groupby(["attack", "source"], observed=True, sort=False).indices
        return frame.iloc[self._places[origin].get((attack, source), NONE)]


def lines_of(cell: CellSettings, outcomes: Outcomes) -> pd.DataFrame:
    """The lines of the cell's attack on its source."""
    return outcomes.lines(origin_of(cell), cell["attack"], cell["source"])
