"""A figure that a function of the user's own draws; style, title, note, layout and origin are ours."""

import inspect
from io import BytesIO
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from lacuna.errors import LacunaError
from lacuna.files.artefacts import provenance_digest, sha256
from lacuna.foreign.calls import calling
from lacuna.foreign.plots import ask_plot, refuse_missing_labels
from lacuna.language.codes import is_own
from lacuna.language.declared import resolve
from lacuna.reporting.drawing.core.inputs import Files, Settings, cells_of
from lacuna.reporting.drawing.core.style import PAGE_WIDTH, lay_out, page, save_to, styled

HEIGHT = 3.5  # inches, where the entry states none
NUMBERS = "iufb"  # numpy's letters


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: plot (module:name), arguments, height, columns (of panels). Files: cells (one).

    It is drawn twice: raises `LacunaError` where the two differ, besides what `ask_plot` raises.
    """
    cells, note = cells_of(settings, files)
    whole = {**settings, "note": f"{note} Drawn by {settings['plot']}."}
    frame = frame_of(cells, settings.get("columns", []))
    first, second = (_drawn(whole, frame) for _ in range(2))
    if _bytes(first) != _bytes(second):
        allowed = "allowed: the same each time, as a generator with a seed gives it"
        raise LacunaError(f"{settings['plot']} drew another figure when it was asked again; {allowed}")
    return first


def frame_of(cells: pd.DataFrame, columns: list[dict[str, Any]]) -> pd.DataFrame:
    """Cells as a function of the user's own gets them: texts empty and numbers NaN where they do not apply.

    Where ``columns`` of the table have a place, {column, panel, x}, panel and x are further columns.
    """
    frame = cells.assign(keep_prob=[_text(keep) for keep in cells["keep_prob"]])
    if columns:
        placed = pd.DataFrame(columns).reindex(columns=["column", "panel", "x"])
        frame = frame.merge(placed, on="column", how="left")
    texts = [name for name in frame.columns if frame[name].dtype.kind not in NUMBERS]
    frame[texts] = frame[texts].astype(object).fillna("")
    return frame


def _text(keep: object) -> str:
    if isinstance(keep, float):
        return "" if pd.isna(keep) else f"{keep:g}"
    return str(keep)


@styled
def _drawn(settings: Settings, frame: pd.DataFrame) -> Figure:
    plot, drawn = settings["plot"], page(PAGE_WIDTH, settings.get("height", HEIGHT))
    ask_plot(plot, frame, drawn.subplots(), settings.get("arguments", {}))
    with calling(plot):  # which draws it
        lay_out(drawn, settings["title"], settings["note"])
    refuse_missing_labels(plot, drawn)
    return drawn


def _bytes(drawn: Figure) -> bytes:
    buffer = BytesIO()
    save_to(drawn, buffer, "svg")
    return buffer.getvalue()


def origin(settings: Settings, files: Files) -> str:
    """What the file of a figure says of its origin: code, cells and their provenance; empty for a plot of ours."""
    if not is_own(settings["plot"]):
        return ""
    (cells,) = files["cells"]
    source = inspect.getsourcefile(inspect.unwrap(resolve(settings["plot"])))
    code = f" (sha256 {sha256(source)})" if source else ""
    return f"Drawn by {settings['plot']}{code} from {cells} (provenance {provenance_digest(cells)})."
