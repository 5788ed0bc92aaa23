"""Asks a plot of the user's own to draw on an axes, and checks what is on it afterwards. No torch."""

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from lacuna.errors import LacunaError
from lacuna.foreign.calls import calling
from lacuna.language.declared import resolve

MISSING = re.compile(r"(?<![\w.])(nan|NaN|NaT|<NA>)(?!\w)|^\s*(None|[-+\N{MINUS SIGN}]?inf)\s*$")  # in a label
EMPTY = "allowed: to draw at least one finite point, area, image or text on the axes that it is given"


def ask_plot(reference: str, frame: pd.DataFrame, axes: Axes, arguments: Mapping[str, Any]) -> None:
    """Lets the function ``module:name`` draw a frame on the only axes of a figure.

    It gets copies, and generators in one state each time. Its settings of matplotlib last until it returns. Raises
    `LacunaError` where it cannot be imported, raises an error, takes the axes away, resizes the page or draws nothing.
    """
    function, page = resolve(reference), axes.get_figure()
    assert isinstance(page, Figure)
    size = page.get_size_inches().tolist()
    with calling(reference), mpl.rc_context(), seeded():
        function(frame.copy(deep=True), axes, **deepcopy(dict(arguments)))
    if axes not in page.axes:
        raise LacunaError(f"{reference} removed its axes; allowed: to draw on the axes that it is given")
    if page.get_size_inches().tolist() != size:
        raise LacunaError(f"{reference} changed the size of the figure; allowed: the key height of its entry")
    with calling(reference):
        parts = [part for part in page.axes if not hasattr(part, "_colorbar")]
        drawn = any(_shows(artist, part) for part in parts for artist in _on(part))
    if not drawn:
        raise LacunaError(f"{reference} left the figure empty; {EMPTY}")


def refuse_missing_labels(reference: str, page: Figure) -> None:
    """Raises `LacunaError` for a text of a figure that is drawn already which says that a value is missing."""
    texts = [text.get_text() for text in page.findobj(Text) if isinstance(text, Text) and text.get_visible()]
    for text in filter(MISSING.search, texts):
        where = f"{reference} wrote '{' '.join(text.split())[:60]}' into the figure"
        raise LacunaError(f"{where}; allowed: labels without missing values, as those of cells whose n is 0")


@contextmanager
def seeded() -> Iterator[None]:
    """The global random generators of Python and numpy, in one state; afterwards they are as before."""
    ours, theirs = random.getstate(), np.random.get_state()
    random.seed(0)
    np.random.seed(0)
    try:
        yield
    finally:
        random.setstate(ours)
        np.random.set_state(theirs)


def _on(axes: Axes) -> list[Artist]:
    """What was drawn on an axes: not its frame, ticks, title and labels."""
    return [*axes.lines, *axes.patches, *axes.collections, *axes.images, *axes.texts, *axes.tables]


def _shows(artist: Artist, axes: Axes) -> bool:
    """Whether an artist has a finite place, and numbers where it shows any."""
    if not artist.get_visible():
        return False
    if isinstance(artist, Text):
        return bool(artist.get_text().strip())
    if isinstance(artist, Line2D):
        return bool(np.isfinite(artist.get_xydata()).all(axis=1).any())
    values = artist.get_array() if hasattr(artist, "get_array") else None
    if values is not None and not np.ma.masked_invalid(values).count():
        return False
    box = artist.get_datalim(axes.transData) if isinstance(artist, Collection) else artist.get_window_extent()
    return bool(np.isfinite(box.get_points()).all())
