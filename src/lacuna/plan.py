"""From an exhibit's YAML to the files it needs: what each rule's inputs and settings are. No torch here."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from typing import Any

from lacuna.checks import CLEAN_SUITE
from lacuna.config import Config
from lacuna.errors import LacunaError
from lacuna.inventory import Artefact, all_artefacts
from lacuna.names import OWN, attack_code, parse_model


@dataclass(frozen=True)
class Cell:
    """One number of a table: which row and column, of which network, under which attack on which source.

    ``suite`` is where its outcomes are; ``attack`` is ``none`` and ``source`` empty for clean images.
    """

    row: str
    column: str
    metric: str
    model: str
    suite: str
    attack: str = "none"
    source: str = ""
    defense: str = ""

    @property
    def target(self) -> str:
        """Name of what is evaluated: the network, and the defense before it if there is one."""
        return f"{self.model}--{self.defense}" if self.defense else self.model


class Plan:
    """Answers, for one configuration, what the workflow's rules ask."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.tables = {name: (paper, body) for paper, c in config.papers.items() for name, body in c["tables"].items()}
        self.figures = {
            name: (paper, body) for paper, c in config.papers.items() for name, body in c["figures"].items()
        }
        self._stages = _by_name(config)

    # Paths -------------------------------------------------------------------------------------------------

    def path(self, dataset: str, stage: str, name: str) -> str:
        """Where an artefact of this configuration's scale lies."""
        return f"results/{self.config.scale}/{dataset}/{stage}/{name}"

    def dataset_of(self, exhibit: str) -> str:
        """The dataset that plays the exhibit's role at this scale."""
        table = self.figures[exhibit][1]["table"] if exhibit in self.figures else exhibit
        return str(self.config.settings["datasets"][self.tables[table][1]["dataset"]])

    # What an exhibit needs ---------------------------------------------------------------------------------

    def cells(self, table: str) -> Iterator[Cell]:
        """The cells of a table in printed order, row by row."""
        body = self.tables[table][1]
        for row in body["rows"]:
            for column in body["columns"]:
                yield self._cell(table, row, column)

    def _cell(self, table: str, row: dict[str, str], column: dict[str, str]) -> Cell:
        place = (row["row"], column["column"], column["metric"], row["model"])
        if "suite" not in column:
            suites = [c["suite"] for c in self.tables[table][1]["columns"] if "suite" in c]
            return Cell(*place, suite=suites[0] if suites else CLEAN_SUITE, defense=row.get("defense", ""))
        attack = self.attack_of(column["suite"])
        codes = [attack_code(attack["method"], budget) for budget in attack["budgets"]]
        attacked = (column["suite"], column.get("attack", codes[0]), column["source"])
        return Cell(*place, *attacked, defense=row.get("defense", ""))

    def outcomes(self, table: str) -> list[str]:
        """The outcome files that a table is computed from: one per target and suite."""
        dataset = self.dataset_of(table)
        pairs = dict.fromkeys((cell.suite, cell.target) for cell in self.cells(table))
        return [self.path(dataset, "evaluate", f"{suite}/{target}.parquet") for suite, target in pairs]

    def target_checkpoint(self, dataset: str, target: str) -> str:
        """The checkpoint of the network that a target consists of."""
        return self.path(dataset, "train", f"{target.partition('--')[0]}.safetensors")

    def attack(self, name: str) -> dict[str, Any]:
        """An attack as its paper's file describes it."""
        return self._named("attacks", name)

    def attack_of(self, suite: str) -> dict[str, Any]:
        """The attack behind a suite."""
        return self.attack(self._named("suites", suite)["attack"])

    def suite_sources(self, suite: str) -> list[tuple[str, str]]:
        """(attack, source) of every adversarial set in a suite; none for the suite of clean images."""
        if suite == CLEAN_SUITE:
            return []
        body = self._named("suites", suite)
        return [(body["attack"], source) for source in body["sources"]]

    def suite_sets(self, dataset: str, suite: str) -> list[str]:
        """The adversarial sets of a suite."""
        sets = self.suite_sources(suite)
        return [self.path(dataset, "attack", f"{attack}/{source}.safetensors") for attack, source in sets]

    def attack_selection(self, dataset: str, attack: str, source: str) -> str:
        """The selection that an attack on a source runs on."""
        return self.path(dataset, "select", f"{self.selection_of(attack, source)}.csv")

    def select_checkpoints(self, dataset: str, selection: str) -> list[str]:
        """Checkpoints of the networks that decide a selection."""
        return [self.path(dataset, "train", f"{m}.safetensors") for m in self.selection_sources(selection)]

    def printed_file(self, table: str) -> str:
        """The paper's printed cells."""
        return f"data/printed/{self.tables[table][0]}.csv"

    def figure_cells(self, figure: str) -> str:
        """The cells that a figure shows."""
        return self.path(self.dataset_of(figure), "cells", f"{self.figures[figure][1]['table']}.csv")

    def table_files(self, table: str) -> list[str]:
        """What is published of a table: CSV, Markdown, LaTeX, cells."""
        dataset = self.dataset_of(table)
        rendered = [self.path(dataset, "table", f"{table}.{ending}") for ending in ("csv", "md", "tex")]
        return [*rendered, self.path(dataset, "cells", f"{table}.csv")]

    def figure_files(self, figure: str) -> list[str]:
        """What is published of a figure: SVG, PNG."""
        return [self.path(self.dataset_of(figure), "figure", f"{figure}.{ending}") for ending in ("svg", "png")]

    def selection_of(self, attack: str, source: str) -> str:
        """Name of the selection an attack runs on: one list for all sources, or the source's own."""
        name = self.attack(attack)["selection"]
        rule = self._stages["selections"][name]["rule"]
        return name if rule == "right_on_all_sources" else f"{name}-{source}"

    def selection_sources(self, selection: str) -> list[str]:
        """The networks whose clean predictions decide a selection."""
        name, _, source = selection.partition("-")
        return [source] if source else list(self._named("selections", name)["sources"])

    def _named(self, kind: str, name: str) -> dict[str, Any]:
        if name not in self._stages[kind]:
            raise LacunaError(
                f"{kind[:-1]} '{name}' is in no config/papers/*.yaml; allowed: {', '.join(self._stages[kind])}"
            )
        return dict(self._stages[kind][name])

    def artefacts(self, *tables: str) -> list[Artefact]:
        """All that these tables are computed from (of all tables if none is named), each after its inputs."""
        return all_artefacts(self, tables or self.tables)

    # Settings: everything that decides an artefact's bytes, besides its inputs -----------------------------

    def dataset_settings(self, dataset: str) -> str:
        """Settings of the rule dataset, as canonical JSON."""
        return canonical(self.config.datasets[dataset])

    def dataset_files(self, dataset: str) -> list[str]:
        """The committed file that a dataset's content is checked against; none for a folder of the user's own."""
        source = self.config.datasets[dataset]["source"]
        return {"embedded": [source.get("file", "")], "torchvision": ["data/registry.csv"]}.get(source["kind"], [])

    def own_code(self, *references: str) -> list[str]:
        """Source files of the ``module:name`` references, without those of installed packages."""
        files = (own_file(reference) for reference in references if ":" in reference)
        return [file for file in files if file]

    def attack_own_code(self, attack: str, source: str) -> list[str]:
        """Code of the user's own that decides an adversarial set."""
        return self.own_code(self.attack(attack)["method"], *self._factories(source))

    def target_own_code(self, target: str) -> list[str]:
        """Code of the user's own that decides a target's outcomes."""
        model, _, defense = target.partition("--")
        functions = [self._named("defenses", defense)["function"]] if defense else []
        return self.own_code(*self._factories(model), *functions)

    def _factories(self, model: str) -> list[str]:
        return [self._named("networks", model)["factory"]] if parse_model(model).training == OWN else []

    def train_settings(self, dataset: str, model: str) -> str:
        """Settings of the rule train: network, data format, recipe, seed."""
        recipe = dict(self.config.settings["recipes"][dataset]) | {"epochs": self.epochs(dataset, model)}
        recipe.pop("epochs_of", None)
        return canonical({**self.network_settings(dataset, model), "recipe": recipe})

    def network_settings(self, dataset: str, model: str) -> dict[str, Any]:
        """What is needed to build a network before its checkpoint is loaded."""
        data = self.config.datasets[dataset]
        shared = {"model": model, "image": data["image"], "classes": len(data["classes"])}
        if parse_model(model).training == OWN:
            body = self._named("networks", model)
            rest = {"arguments": body.get("arguments", {}), "mean": body.get("mean", [0]), "std": body.get("std", [1])}
            return {**shared, "factory": body["factory"], **rest}
        return {
            **shared,
            "normalisation": data["normalisation"],
            "width": self.config.settings["width"],
            "mask_place": self.config.mask_place,
            "seed": self.config.seed,
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
                "seed": self.config.seed,
            }
        )

    def attack_settings(self, dataset: str, attack: str, source: str) -> str:
        """Settings of the rule attack: the method with its whole grid of budgets, and the source network."""
        body = self.attack(attack)
        return canonical(
            {
                "method": body["method"],
                "budgets": {attack_code(body["method"], budget): budget for budget in body["budgets"]},
                "network": self.network_settings(dataset, source),
                "seed": self.config.seed,
                "fold_batch_norm": self.config.fold_batch_norm and parse_model(source).training != OWN,
            }
        )

    def adopt_checkpoint(self, model: str) -> str:
        """The weights of a network of the user's own."""
        return str(self._named("networks", model)["checkpoint"])

    def adopt_settings(self, dataset: str, model: str) -> str:
        """Settings of the rule adopt: how the user's network is built."""
        return canonical(self.network_settings(dataset, model))

    def evaluate_settings(self, dataset: str, suite: str, target: str) -> str:
        """Settings of the rule evaluate: the target's network and defense, and the suite's sources in order."""
        model, _, defense = target.partition("--")
        settings = {
            "network": self.network_settings(dataset, model),
            "sources": [source for _, source in self.suite_sources(suite)],
        }
        return canonical(settings | ({"defense": self._named("defenses", defense)} if defense else {}))

    def cells_settings(self, table: str) -> str:
        """Settings of the rule cells: every cell and where its outcomes lie."""
        body = self.tables[table][1]
        return canonical(
            {
                "exhibit": table,
                "scale": self.config.scale,
                "dataset": self.dataset_of(table),
                "paper_dataset": body["dataset"],
                "printed_table": body.get("printed"),
                "cells": [vars(cell) | {"target": cell.target} for cell in self.cells(table)],
            }
        )

    def table_settings(self, table: str) -> str:
        """Settings of the rule table: titles only, the numbers come from its cells."""
        paper, body = self.tables[table]
        return canonical({"exhibit": table, "title": body["title"], "paper": self.config.papers[paper]["title"]})

    def figure_settings(self, figure: str) -> str:
        """Settings of the rule figure: which plot, and its title."""
        return canonical({"exhibit": figure, **self.figures[figure][1]})

    def epochs(self, dataset: str, model: str) -> int:
        """Epochs that a model is trained for at this scale."""
        recipe = self.config.settings["recipes"][dataset]
        return int(recipe.get("epochs_of", {}).get(parse_model(model).arch, recipe["epochs"]))

    def seconds(self, model: str) -> int:
        """Expected seconds to train a model at this scale, from the scale's cost table."""
        return int(self.config.settings["seconds"][parse_model(model).arch])


def _by_name(config: Config) -> dict[str, dict[str, Any]]:
    names = ("selections", "attacks", "suites", "networks", "defenses")
    kinds: dict[str, dict[str, Any]] = {name: {} for name in names}
    for paper, content in config.papers.items():
        for kind, known in kinds.items():
            if twice := sorted(known.keys() & content.get(kind, {}).keys()):
                raise LacunaError(f"config/papers/{paper}.yaml: {kind}.{twice[0]} is also defined by another paper")
            known.update(content.get(kind, {}))
    return kinds


def canonical(settings: Any) -> str:
    """JSON with sorted keys: equal settings give equal text, the base of digests and of rerun decisions."""
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))


def own_file(reference: str) -> str | None:
    """The source file behind ``module:name``, found without importing it; None for installed or unknown modules."""
    places: list[str] | None = None
    spec = None
    parts = reference.partition(":")[0].split(".")
    for i in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:i]), places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or [])
    if spec is None or spec.origin is None or "site-packages" in spec.origin:
        return None
    return os.path.relpath(spec.origin) if os.path.exists(spec.origin) else None
