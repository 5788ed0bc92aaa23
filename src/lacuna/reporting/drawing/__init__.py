"""From files to figures, a module per plot of `lacuna.reporting.plots` and of its name; core is what several share.

A module has ``draw(settings, files)``, which takes what the plot declares, and the drawing itself, which reads no file.
What a function of the user's own draws goes through `lacuna.reporting.drawing.core.own`.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lacuna.language.codes import is_own

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(settings: Mapping[str, Any], files: Mapping[str, Sequence[str]]) -> "Figure":
    """The figure of the plot ``settings["plot"]``, titled ``settings["title"]``, from verified artefacts.

    What each plot needs of ``settings`` and ``files`` stands with its function ``draw``. All but those drawn from cells
    need ``scale``, ``dataset`` and ``paper_dataset``, which their note states. All may have
    ``notes``, sentences for it. The same files give the same bytes.
    """
    own = "core.own" if is_own(settings["plot"]) else settings["plot"]
    module = import_module(f"lacuna.reporting.drawing.{own}")
    drawn: Figure = module.draw(settings, files)
    return drawn
