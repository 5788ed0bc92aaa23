"""A simulated run as a picture: one line per slot, one bar per job."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lacuna.cost.simulation import CORE, GPU, Schedule, Span, critical_path
from lacuna.files.artefacts import atomic_path
from lacuna.reporting.drawing.core.style import (
    FONT_SIZE,
    GREY,
    LETTERS_PER_INCH,
    PAGE_WIDTH,
    PALETTE,
    lay_out,
    page,
    save,
    styled,
    tint,
    with_legend,
)

KINDS = ("train", "select", "attack", "evaluate")
COLOURS = {kind: tint(colour) for kind, colour in zip(KINDS, PALETTE, strict=False)}
OTHER = (0.8, 0.8, 0.8)
BAR, GAP = 0.8, 0.24  # height of a bar, in lines; inches of a line
UNITS = ((3 * 86400.0, 86400.0, "days"), (3 * 3600.0, 3600.0, "hours"), (180.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))
ROOM = PAGE_WIDTH - 1.2  # inches of the axis


@styled
def gantt(schedule: Schedule, title: str, note: str) -> Figure:
    """The schedule; jobs of the critical path have a dark border. At least one job."""
    slots = sorted({span.slot for span in schedule.spans}, key=lambda slot: (slot[0] != GPU, slot))
    figure = page(PAGE_WIDTH, 1.6 + GAP * len(slots))
    handles = [Patch(color=colour, label=kind) for kind, colour in COLOURS.items()]
    handles += [Patch(color=OTHER, label="other"), Patch(facecolor="white", edgecolor="black", label="critical path")]
    axis = with_legend(figure, handles, len(handles)).subplots()
    unit, name = next((unit, name) for least, unit, name in UNITS if schedule.makespan >= least)
    critical = {*critical_path(schedule.jobs)}
    for span in schedule.spans:
        _bar(axis, schedule, span, slots.index(span.slot), unit, span.job in critical)
    axis.set(xlim=(0, schedule.makespan / unit), ylim=(len(slots) - 0.5, -0.5), xlabel=f"{name}, estimated")
    axis.set_yticks(range(len(slots)), [_label(slot) for slot in slots])
    axis.tick_params(axis="y", length=0)
    return lay_out(figure, title, note)


def _bar(axis: Axes, schedule: Schedule, span: Span, line: int, unit: float, critical: bool) -> None:
    job, start, width = schedule.jobs[span.job], span.start / unit, (span.end - span.start) / unit
    edge, thick = ("black", 0.9) if critical else ("white", 0.3)
    colour = COLOURS.get(job.kind, OTHER)
    axis.barh(line, width, BAR, left=start, color=colour, edgecolor=edge, linewidth=thick, zorder=3 if critical else 2)
    fits = (span.end - span.start) / schedule.makespan * ROOM * LETTERS_PER_INCH
    text = next((text for text in _texts(job.name) if len(text) < fits), "")
    axis.text(start + width / 2, line, text, ha="center", va="center", fontsize=FONT_SIZE, color=GREY, zorder=4)


def _texts(name: str) -> Sequence[str]:
    """What may stand in a bar, the longest first: the job without its stage, its architecture."""
    what = name.partition(" ")[2] or name
    return what, what.partition("-")[0].partition(" ")[0]


def _label(slot: tuple[str, int, int]) -> str:
    kind, number, lane = slot
    return f"core {number + 1}" if kind == CORE else f"GPU {number + 1}, {lane + 1}"


def draw(schedule: Schedule, path: Path, title: str, note: str) -> None:
    """Writes the picture as SVG or PNG, by the path's ending."""
    figure = gantt(schedule, title, note)
    with atomic_path(path) as temporary:
        save(figure, str(temporary))
