"""Everything that decides an artefact's bytes besides its inputs: the settings of the rules. No torch here."""

import json
from collections.abc import Mapping
from typing import Any

from lacuna.data.classes import class_count, class_names
from lacuna.errors import LacunaError
from lacuna.language.attacks import attack_code
from lacuna.language.codes import NO_SOURCE
from lacuna.language.models import ENSEMBLE, FLOAT32, OWN, STANDARD, parse_model
from lacuna.plan.lookup import Known

SCORES = {"foreground_score": "saliency", "foreground_score_unseen": "unseen"}  # measure -> saliency model


class Settings(Known):
    """The settings of rules as canonical JSON; where one changes, what it decides is made again."""

    def dataset_settings(self, dataset: str) -> str:
        """Settings of the rule dataset, as canonical JSON."""
        return canonical({key: value for key, value in self.config.datasets[dataset].items() if key != "foreground"})

    def foreground_settings(self, dataset: str) -> str:
        """Settings of the rule foreground: how it is found, the class names, where images come from."""
        data = self.config.datasets[dataset]
        masks = self._foreground(dataset)["masks"]
        return canonical({"masks": masks, "classes": class_names(data), "source": data["source"]})

    def train_settings(self, dataset: str, model: str) -> str:
        """Settings of the rule train: network, data format, recipe, seed."""
        recipe = dict(self.config.settings["recipes"][dataset]) | {"epochs": self.epochs(dataset, model)}
        recipe.pop("epochs_of", None)
        history = {"history": True} if self.history_tests(dataset, model) else {}
        precision = {} if self.config.precision == FLOAT32 else {"precision": self.config.precision}
        return canonical({**self.network_settings(dataset, model), "recipe": recipe, **history, **precision})

    def network_settings(self, dataset: str, model: str) -> dict[str, Any]:
        """What is needed to build a network, or each member of an ensemble, before checkpoints are loaded."""
        members = self.exhibits.members(model)
        if members != [model]:
            return {"model": model, "members": self.networks(dataset, members)}
        data = self.config.datasets[dataset]
        shared = {"model": model, "image": data["image"], "classes": class_count(data)}
        if parse_model(model).training == OWN:
            body = self._named("networks", model)
            rest = {"arguments": body.get("arguments", {}), "mean": body.get("mean", [0]), "std": body.get("std", [1])}
            return {**shared, "factory": body["factory"], **rest}
        training = parse_model(model).training
        defined = {} if training == STANDARD else {"training": self._named("trainings", training)}
        return {
            **shared,
            **defined,
            "normalisation": data["normalisation"],
            "width": self.config.settings["width"],
            "mask_place": self.config.mask_place,
            "seed": self.seeds[dataset][1],
        }

    def networks(self, dataset: str, models: list[str]) -> list[dict[str, Any]]:
        """`network_settings` of several models, in order."""
        return [self.network_settings(dataset, model) for model in models]

    def select_settings(self, dataset: str, selection: str) -> str:
        """Settings of the rule select: how many images, and the networks."""
        name = selection.partition("-")[0]
        return canonical(
            {
                "selection": selection,
                "images": self.config.settings["images"][name],
                "networks": self.networks(dataset, self.selection_sources(selection)),
                "seed": self.seeds[dataset][1],
            }
        )

    def attack_settings(self, dataset: str, attack: str, source: str) -> str:
        """Settings of the rule attack: the method with its whole grid of budgets, and the source network."""
        body = self.attack(attack)
        like = {"like": self.codes(body["like"]["attack"])[body["like"]["budget"]]} if "like" in body else {}
        salient = any(budget.get("weight") for budget in body["budgets"])
        saliency = {"saliency": self._foreground(dataset)["saliency"]} if salient else {}
        return canonical(
            {
                **like,
                **saliency,
                "method": body["method"],
                "budgets": {attack_code(body["method"], budget): budget for budget in body["budgets"]},
                "network": None if source == NO_SOURCE else self.network_settings(dataset, source),
                "seed": self.seeds[dataset][1],
                "fold_batch_norm": body.get("fold_batch_norm", self.config.fold_batch_norm)
                and not self._factories(source),
                **({"dataset": self._files_of(dataset)} if body["method"] == "folder" else {}),
            }
        )

    def _files_of(self, dataset: str) -> dict[str, Any]:
        """What says which files a dataset of the user's own has, and their order."""
        entry = self.config.datasets[dataset]
        return {"source": entry["source"], "classes": entry["classes"]}

    def measure_settings(self, dataset: str, attack: str) -> str:
        """Settings of the rule measure: what is measured of an attack's images, and the saliency models for it."""
        if not (measures := self.attack(attack).get("measures")):
            raise LacunaError(f"attack '{attack}' measures nothing; give it a list under the key measures")
        scores = {name: model for name, model in SCORES.items() if name in measures}
        models = {name: self._foreground(dataset)[model] for name, model in scores.items()}
        return canonical({"measures": measures, "saliency": models})

    def gradient_settings(self, dataset: str, target: str) -> str:
        """Settings of the rule gradient: the network."""
        return canonical({"network": self.network_settings(dataset, target)})

    def adopt_settings(self, dataset: str, model: str) -> str:
        """Settings of the rule adopt: how the user's network is built."""
        return canonical(self.network_settings(dataset, model))

    def evaluate_settings(self, dataset: str, suite: str, target: str) -> str:
        """Settings of the rule evaluate: the target's network and defense, and the suite's sources in order."""
        model, _, defense = target.partition("--")
        settings = {
            "network": self.network_settings(dataset, model),
            "sources": [source for _, source in self.suite_sources(suite, target)],
        }
        body = self._named("defenses", defense) if defense else {}
        seed = {"seed": self.seeds[dataset][1]} if "smoothing" in body else {}
        return canonical(settings | seed | ({"defense": body} if defense else {}))

    def cells_settings(self, table: str) -> str:
        """Settings of the rule cells: every cell and where its outcomes lie."""
        body, cells = self.tables[table][1], self.cells(table)
        named = {name for cell in cells for name in (cell.model, cell.source) if name.startswith(ENSEMBLE)}
        return canonical(
            {
                "exhibit": table,
                "scale": self.config.scale,
                "dataset": self.dataset_of(table),
                "paper_dataset": body["dataset"],
                "printed_table": body.get("printed"),
                **({"replicas": self.replicas(self.dataset_of(table))} if self.config.seeds > 1 else {}),
                **({"checks": checks} if (checks := self.exhibits.checks(body)) else {}),
                "ensembles": {name: self.exhibits.members(name) for name in named},
                "cells": [vars(cell) | {"target": cell.target} for cell in cells],
            }
        )

    def table_settings(self, table: str) -> str:
        """Settings of the rule table: titles and notes only, the numbers come from its cells."""
        return canonical({"exhibit": table, **self.titles(table)})

    def titles(self, table: str) -> dict[str, Any]:
        """What a table's renderings say besides its cells: titles, notes, and where cells are checked their panels."""
        paper, body = self.tables[table]
        panels = {column["column"]: column.get("panel", "") for column in body["columns"]}
        checked = {"panels": panels} if self.exhibits.checks(body) else {}
        named = {"title": body["title"], "paper": self.config.papers[paper]["title"], "notes": self.notes(table)}
        return named | checked

    def claims_settings(self, paper: str) -> str:
        """Settings of the rule claims: the cells of every table, and which outcomes each file holds."""
        tables = [json.loads(self.cells_settings(table)) for table in self._claim_tables(paper)]
        title = self.config.papers[paper]["title"]
        return canonical({"title": title, "tables": tables, "outcomes": self._claim_outcomes(paper)})

    def epochs(self, dataset: str, model: str) -> int:
        """Epochs that a model is trained for at this scale."""
        if "head" in self.training_of(model):
            return 0  # the published network as it is
        recipe = self.config.settings["recipes"][dataset]
        return int(recipe.get("epochs_of", {}).get(parse_model(model).arch, recipe["epochs"]))

    def training_of(self, model: str) -> Mapping[str, Any]:
        """The definition behind the training in a model's name; empty for standard training and own networks."""
        training = parse_model(model).training
        return {} if training in (STANDARD, OWN) else self._named("trainings", training)


def canonical(settings: Any) -> str:
    """JSON with sorted keys: equal settings give equal text, the base of digests and of rerun decisions."""
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))
