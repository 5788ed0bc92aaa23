"""Letters that stand for the flags of cells, in heat maps and tables."""

import string
from collections.abc import Mapping

import pandas as pd


def flag_letters(cells: pd.DataFrame) -> dict[str, str]:
    """The flags of all cells and their letters, in the order of the flags' first cells; none without a column flags."""
    texts: list[str] = list(cells["flags"].dropna()) if "flags" in cells else []
    found = dict.fromkeys(flag for text in texts for flag in text.split("; ") if flag)
    return dict(zip(found, string.ascii_lowercase, strict=False))


def cell_marks(cells: pd.DataFrame, flags: Mapping[str, str]) -> list[str]:
    """The letters of each cell's flags."""
    own = list(cells["flags"]) if flags else [""] * len(cells)
    parts = [text.split("; ") if isinstance(text, str) else [] for text in own]
    return ["".join(letter for flag, letter in flags.items() if flag in part) for part in parts]


def flags_in_a_caption(flags: Mapping[str, str]) -> str:
    """The letters and names of flags in one text; empty without any."""
    return "; ".join(f"{letter}: {flag}" for flag, letter in flags.items())
