"""The letters that stand for flags of cells, in heat maps and tables."""

import string
from collections.abc import Mapping

import pandas as pd


def flags_of(cells: pd.DataFrame) -> dict[str, str]:
    """The flags of all cells, each with its letter, in the order they first appear; none without a column flags."""
    texts: list[str] = list(cells["flags"].dropna()) if "flags" in cells else []
    found = dict.fromkeys(flag for text in texts for flag in text.split("; ") if flag)
    return dict(zip(found, string.ascii_lowercase, strict=False))


def marks_of(cells: pd.DataFrame, flags: Mapping[str, str]) -> list[str]:
    """The letters of each cell."""
    own = list(cells["flags"]) if flags else [""] * len(cells)
    parts = [text.split("; ") if isinstance(text, str) else [] for text in own]
    return ["".join(letter for flag, letter in flags.items() if flag in part) for part in parts]
