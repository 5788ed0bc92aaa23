"""Reads cells as the report shows them: columns that other stages do not read are looked at too."""

import pandas as pd

from lacuna.errors import LacunaError
from lacuna.files.artefacts import AGAIN
from lacuna.files.contents import read_cells
from lacuna.reporting.tables.render import UNIT_WORDS

COUNTS = {"n": 0, "seeds": 1}  # columns of whole numbers, with the least that each may be


def read_own_cells(path: str) -> pd.DataFrame:
    """The cells of a table. Raises `LacunaError` where they hold what no job writes."""
    frame = read_cells(path)
    for name, least in COUNTS.items():
        if name not in frame or frame[name].dtype.kind not in "iu" or (frame[name] < least).any():
            raise LacunaError(f"{path}: column '{name}' must hold whole numbers of at least {least}; {AGAIN}")
    if "unit" not in frame or (odd := {*frame["unit"]} - UNIT_WORDS.keys()):
        raise LacunaError(
            f"{path}: column 'unit' must hold {', '.join(UNIT_WORDS)}, not {[*map(str, odd)][:1]}; {AGAIN}"
        )
    return frame
