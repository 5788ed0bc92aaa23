"""From a figure's entry to the files it is drawn from and the settings of its plot. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lacuna.data.classes import answer_names
from lacuna.language.attacks import attack_code
from lacuna.plan.stage import Known
from lacuna.reporting.plots import plot_of, roles_of
from lacuna.reporting.plots.core.plot import Body, Files, Settings


def files_of(known: Known, body: Body, dataset: str) -> Files:
    """A figure's input files by name, as its plot declares them."""
    return plot_of(body).files(FigurePlan(known, body, dataset))


def settings_of(known: Known, body: Body, dataset: str) -> Settings:
    """The settings of a figure's plot: its own entry, and what its inputs do not tell."""
    return plot_of(body).settings(FigurePlan(known, body, dataset))


@dataclass(frozen=True)
class FigurePlan:
    """A figure as the plan knows it, for its plot to ask: where its files lie, and what the names in its entry mean."""

    known: Known
    body: Body
    dataset: str

    # Files -------------------------------------------------------------------------------------------------

    def cells(self) -> list[str]:
        """The cells of the entry's table."""
        return [self._path("cells", "cells", exhibit=self.body["table"])]

    def images(self) -> list[str]:
        """The test images."""
        return [self._path("dataset", "test")]

    def foreground(self) -> list[str]:
        """The test images' foreground."""
        return [self._path("foreground", "foreground", split="test")]

    def adversarial_set(self, attack: str, source: str) -> str:
        """The adversarial set of an attack on a source."""
        return self._path("attack", "adversarial", attack=attack, source=source)

    def outcomes(self, suite: str, target: str) -> str:
        """What a target says about the sets of a suite."""
        return self._path("evaluate", "outcomes", suite=suite, target=target)

    def checkpoints(self, model: str) -> list[str]:
        """The checkpoint of a network, or those of an ensemble's members."""
        return self.known.networks.checkpoints(self.dataset, model)

    def history(self, role: str, model: str) -> str:
        """The history of a network's training on the dataset that plays a role."""
        return self.known.paths.of("train", "history", dataset=self.dataset_of(role), model=model)

    def _path(self, stage: str, output: str, **wildcards: str) -> str:
        return self.known.paths.of(stage, output, dataset=self.dataset, **wildcards)

    # Settings ----------------------------------------------------------------------------------------------

    def base_settings(self) -> Settings:
        """The entry, and what the note of a figure without a table states: scale, dataset, the paper's dataset."""
        known = {
            "scale": self.known.lookup.config.scale,
            "dataset": self.dataset,
            "paper_dataset": roles_of(self.body)[0],
        }
        return {**self.body, **known}

    def dataset_of(self, role: str) -> str:
        """The dataset that plays a role of the papers."""
        return self.known.lookup.role(role)

    def classes(self) -> list[str]:
        """The names of the dataset's classes."""
        return answer_names(self.known.lookup.config.datasets[self.dataset])

    def columns(self) -> list[dict[str, Any]]:
        """The columns of the entry's table, as they are written."""
        return list(self.known.lookup.tables[self.body["table"]][1]["columns"])

    def network(self, model: str) -> dict[str, Any]:
        """What is needed to build a network, or an ensemble, before checkpoints are loaded."""
        return self.known.networks.settings(self.dataset, model)

    def codes(self, attack: str) -> list[str]:
        """The codes of an attack's budgets, in their order."""
        return self.known.lookup.codes(attack)

    def named_code(self, attack: str) -> str:
        """The code of what the entry's table calls an attack."""
        lookup = self.known.lookup
        return lookup.exhibits.names_in(lookup.tables[self.body["table"]][1])[attack]

    def code(self, row: Mapping[str, Any]) -> str:
        """The code of a row's budget, written out or given by its place."""
        return str(row["code"]) if "code" in row else self.codes(row["attack"])[row["budget"]]

    def budget(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row's budget."""
        attack, code = self.known.lookup.attack(row["attack"]), self.code(row)
        return next(budget for budget in attack["budgets"] if attack_code(attack["method"], budget) == code)

    def defense(self, name: str) -> dict[str, Any]:
        """A defense as the paper's file describes it."""
        return self.known.lookup.named("defenses", name)

    def foreground_settings(self) -> dict[str, Any]:
        """How the dataset's foreground is found: masks, saliency."""
        return self.known.lookup.foreground(self.dataset)
