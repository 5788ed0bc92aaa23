"""Writes doubts about code of the user's own beside the lines that they touch."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lacuna.language.doubts import COLUMN, join_texts

if TYPE_CHECKING:
    import pandas as pd


def mark_doubts(
    lines: "pd.DataFrame", everywhere: Iterable[str], of_sets: Mapping[tuple[str, str], Iterable[str]]
) -> "pd.DataFrame":
    """The lines with a column of doubts, parts "; "; as they are where there is no doubt.

    ``everywhere`` are doubts about the target, ``of_sets`` those about an attack on a source, by both names.
    """
    import pandas as pd

    whole = join_texts(everywhere)
    texts = {place: join_texts([whole, *found]) for place, found in of_sets.items()}
    if not any([whole, *texts.values()]):
        return lines
    places = zip(lines["attack"], lines["source"], strict=True)
    return lines.assign(**{COLUMN: pd.Categorical([texts.get(place, whole) for place in places])})
