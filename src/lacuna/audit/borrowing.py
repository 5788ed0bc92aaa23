"""Puts borrowed spreads over trainings beside the cells of one training, as the report shows them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lacuna.audit.cells import read_own_cells
from lacuna.audit.problems import ODD
from lacuna.errors import LacunaError
from lacuna.language.codes import PERCENT
from lacuna.numbers.borrowed import ALIKE, NETWORK, Borrowed, borrow, lenders
from lacuna.numbers.spread import SEED_VALUES

COMMITTED = "docs/results"  # cells of finished runs that the repository holds
KEYS = ("borrowed_spread", "borrowed_low", "borrowed_high", "borrowed_from")

Exhibit = dict[str, Any]


def lend(exhibits: Sequence[Exhibit], scale: str) -> None:
    """Adds `KEYS` to the cells of every exhibit in which at least one cell borrows; None where a cell does not.

    A cell of one training borrows from cells of the report, and from committed ones, that have several
    (`lacuna.numbers.borrowed`). Cells of the report lend whatever the state of their table, which stands beside them.
    """
    frames = [_frame(exhibit, scale) for exhibit in exhibits]
    here = [one for frame, exhibit in zip(frames, exhibits, strict=True) for one in _lending(frame, _named(exhibit))]
    known = pd.concat([*here, *_committed()], ignore_index=True)
    for exhibit, frame in zip(exhibits, frames, strict=True):
        single = (frame["seeds"] == 1) & (frame["unit"] == PERCENT)
        places = [i for i, one in enumerate(single) if one]
        asking = frame.iloc[places]
        lent = borrow(
            list(pd.to_numeric(asking["value"], errors="coerce")), asking[[*ALIKE]].to_numpy().tolist(), known
        )
        beside = {i: _beside(one) for i, one in zip(places, lent, strict=True) if one}
        for i, cell in enumerate(exhibit["cells"] if beside else []):
            cell |= beside.get(i, dict.fromkeys(KEYS))


def spreads_line(exhibits: Sequence[Mapping[str, Any]]) -> str:
    """How many cells show one training alone, and for how many of these a spread is borrowed; empty without any."""
    cells = [cell for exhibit in exhibits for cell in exhibit["cells"] if cell["seeds"] == 1]
    if not cells:
        return ""
    lent = sum(cell.get(KEYS[0]) is not None for cell in cells)
    if not lent:
        why = "no cells of like rate with enough trainings are here or committed"
        return f"{len(cells)} numbers are of one training each. No spread over trainings is borrowed for them: {why}."
    how = "from cells of like rate (docs/audit.md), beside each with its own interval and source"
    return f"{len(cells)} numbers are of one training each. {lent} of them borrow a spread over trainings {how}."


def _frame(exhibit: Exhibit, scale: str) -> pd.DataFrame:
    """The cells of an exhibit with just the columns that lenders and borrowers need, empty where a file lacks one."""
    frame = pd.DataFrame(exhibit["cells"]).reindex(columns=[*NETWORK, *ALIKE, "value", "unit", "seeds", SEED_VALUES])
    return frame.assign(dataset=exhibit["dataset"], scale=scale)


def _lending(frame: pd.DataFrame, source: str) -> list[pd.DataFrame]:
    """The lenders among cells; none where a file holds what no job writes."""
    try:
        return [lenders(frame, source)]
    except ODD:
        return []


def _named(exhibit: Exhibit) -> str:
    return exhibit["id"] if exhibit["state"] == "built" else f"{exhibit['id']} ({exhibit['state']})"


def _committed() -> list[pd.DataFrame]:
    """The lenders among committed cells. A file that is not as its record states lends nothing."""
    found = []
    for path in sorted(Path(COMMITTED).rglob("*.cells.csv")):
        with path.open(encoding="utf-8") as file:
            several = SEED_VALUES in file.readline().strip().split(",")
        try:
            found += _lending(read_own_cells(str(path)), str(path)) if several else []
        except LacunaError:
            continue
    return found


def _beside(lent: Borrowed) -> dict[str, Any]:
    """The `KEYS` of one cell."""
    networks = f"{lent.networks} network{'s' * (lent.networks > 1)}"
    sources = f"{networks}, {lent.freedom} degrees of freedom: {', '.join(lent.sources)}"
    return dict(zip(KEYS, (round(lent.spread, 4), round(lent.low, 4), round(lent.high, 4), sources), strict=True))
