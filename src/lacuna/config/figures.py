"""What JSON Schema cannot say of figures; each plot checks its own keys."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lacuna.config.joined import known
from lacuna.config.needs import check_foreground, check_set
from lacuna.config.parts import OWN_NAME, Models, Paper, check_source
from lacuna.errors import LacunaError
from lacuna.language.codes import NO_SOURCE
from lacuna.language.models import ENSEMBLE
from lacuna.reporting.plots import plot_of


@dataclass(frozen=True)
class Entry:
    """A figure's entry in a paper's file, as its plot checks it; sentences name the file and the key.

    ``key`` is where the entry stands in the file, ``place`` of a method a key of the entry, such as ``rows[0].attack``.
    Every method raises `LacunaError`.
    """

    paper: Paper
    models: Models
    key: str
    body: Mapping[str, Any]

    @property
    def content(self) -> Mapping[str, Any]:
        """What the entry may name, by kind: the parts, tables and figures of all papers."""
        return self.paper.parts

    def where(self, place: str) -> str:
        """How a sentence on a key of the entry begins."""
        return f"{self.paper.file}, key {self.key}.{place}"

    def check_name(self, place: str, name: str, allowed: Iterable[str]) -> None:
        """The name is one of the allowed ones."""
        known(self.paper.file, f"{self.key}.{place}", name, allowed)

    def check_role(self, place: str, role: str) -> None:
        """The scale gives the role a dataset."""
        self.check_name(place, role, self.paper.settings["datasets"])

    def check_foreground(self, role: str) -> None:
        """The dataset that plays the role has a foreground."""
        check_foreground(self.paper, self.key, role)

    def check_network(self, place: str, model: str) -> None:
        """A network that is trained here."""
        self._model(place, model)

    def check_model(self, place: str, model: str) -> None:
        """A network that is trained here, or one of the user's own."""
        self._model(place, model, OWN_NAME)

    def check_target(self, place: str, model: str) -> None:
        """A network or an ensemble."""
        self._model(place, model, OWN_NAME, ENSEMBLE)

    def check_source(self, place: str, source: str, attack: str) -> None:
        """What goes with the attack: a network or an ensemble, or none."""
        self._model(place, source, OWN_NAME, ENSEMBLE, NO_SOURCE)
        check_source(self.paper, f"{self.key}.{place}", source, attack)

    def check_set(self, attack: str) -> None:
        """The figure's dataset has what the attack needs: enough test images, and a size that its patches divide."""
        check_set(self.paper, attack, self.body["dataset"])

    def _model(self, place: str, model: str, *kinds: str) -> None:
        self.models.check(self.paper, f"{self.key}.{place}", model, kinds)


def check_figures(paper: Paper, models: Models) -> None:
    """Every figure of a paper's file."""
    for figure, body in paper.content["figures"].items():
        _check_figure(Entry(paper, models, f"figures.{figure}", body))


def _check_figure(entry: Entry) -> None:
    plot = plot_of(entry.body)
    for key in plot.keys.values():
        key.check(entry)
    if numbers := entry.content["tables"].get(entry.key.removeprefix("figures.")):
        table = entry.content["tables"].get(entry.body.get("table"))
        _check_numbers(entry, table["dataset"] if table else plot.roles(entry.body)[0], numbers["dataset"])


def _check_numbers(entry: Entry, drawn: str, numbers: str) -> None:
    """A table with a figure's name has its numbers, so both are about one dataset."""
    if drawn != numbers:
        said = f"is about {drawn}, and the table of this name about {numbers}; allowed: one dataset, or another name"
        raise LacunaError(f"{entry.paper.file}, key {entry.key}: {said}")
