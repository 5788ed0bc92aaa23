"""The kinds of figures, one module each: what its entry in config/papers may say, what it is drawn from. No torch here.

A module of this folder is a plot by its name: ``PLOT`` declares it (`lacuna.reporting.plots.core.plot.Plot`), and the
module of the same name in `lacuna.reporting.drawing` draws it. The workflow is planned with these declarations alone.
Every function of the user's own, ``module:name``, is a plot too (`lacuna.reporting.plots.core.own`).
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from lacuna.language.codes import is_own
from lacuna.reporting.plots.core.own import OWN_PLOT
from lacuna.reporting.plots.core.plot import Body, Plot


@cache
def plots() -> dict[str, Plot]:
    """Every plot by its name, which stands under ``plot`` in a figure's entry."""
    names = sorted(module.name for module in iter_modules(__path__) if not module.ispkg)
    return {name: import_module(f"lacuna.reporting.plots.{name}").PLOT for name in names}


def plot_of(body: Body) -> Plot:
    """The plot of a figure's entry, which exists."""
    return OWN_PLOT if is_own(body["plot"]) else plots()[body["plot"]]


def roles_of(body: Body) -> list[str]:
    """The roles of the datasets that a figure without a table is about; its note states the first."""
    return plot_of(body).roles(body)
