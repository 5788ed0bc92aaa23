"""From an exhibit's YAML to the files it needs: what each rule's inputs and settings are. No torch here."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from importlib.machinery import PathFinder
from typing import Any

from lacuna.codes import NO_SOURCE
from lacuna.config import Config
from lacuna.data.classes import class_count, class_names
from lacuna.drawings import files_of, settings_of
from lacuna.errors import LacunaError
from lacuna.exhibits import CLEAN_SUITE, Cell, Exhibits, role_of
from lacuna.inventory import Artefact, all_artefacts
from lacuna.names import ENSEMBLE, FLOAT32, METHODS, OWN, SELF, STANDARD, attack_code, parse_model

SCORES = {"foreground_score": "saliency", "foreground_score_unseen": "unseen"}  # measure -> saliency model


class Plan:
    """Answers, for one configuration, what the workflow's rules ask."""

    def __init__(self, config: Config) -> None:
        self.seeds = _seeds(config)
        self.config = config = _with_folders(config, self.seeds)
        self.tables = {name: (paper, body) for paper, c in config.papers.items() for name, body in c["tables"].items()}
        self.figures = {
            name: (paper, body) for paper, c in config.papers.items() for name, body in c["figures"].items()
        }
        self._stages = _by_name(config)
        self.exhibits = Exhibits(self._stages)
        self._cells: dict[str, tuple[Cell, ...]] = {}

    # Paths -------------------------------------------------------------------------------------------------

    def path(self, dataset: str, stage: str, name: str) -> str:
        """Where an artefact of this configuration's scale lies."""
        return f"results/{self.config.scale}/{dataset}/{stage}/{name}"

    def role(self, name: str) -> str:
        """The dataset that plays a role of the papers at this scale."""
        return str(self.config.settings["datasets"][name])

    def dataset_of(self, exhibit: str) -> str:
        """The dataset that plays the exhibit's role at this scale; a table's and its figure's are one."""
        body = self.tables[exhibit][1] if exhibit in self.tables else self.figures[exhibit][1]
        return self.dataset_of(body["table"]) if "table" in body else self.role(role_of(body))

    # Training seeds: each has a folder of its own, as if it were a dataset --------------------------------------

    def replicas(self, dataset: str) -> list[str]:
        """The folders of a dataset's training seeds: its own name, then ``<dataset>-seed<n>`` for each further one."""
        return [dataset, *(_replica(dataset, self.config.seed + i) for i in range(1, self.config.seeds))]

    # What an exhibit needs ---------------------------------------------------------------------------------

    def cells(self, table: str) -> tuple[Cell, ...]:
        """The cells of a table in printed order, row by row."""
        if table not in self._cells:
            self._cells[table] = tuple(self.exhibits.cells(self.tables[table][1]))
        return self._cells[table]

    def outcomes(self, table: str) -> list[str]:
        """The files that a table is computed from, of each training seed: outcomes per target and suite, measures per
        adversarial set.
        """
        places = dict.fromkeys(cell.place for cell in self.cells(table))
        return [self.lines(folder, *place) for folder in self.replicas(self.dataset_of(table)) for place in places]

    def lines(self, dataset: str, group: str, name: str) -> str:
        """The file behind a cell's place: outcomes of a suite and target, or measures, whose place names the stage."""
        stage, _, folder = group.rpartition(".")
        return self.path(dataset, stage or "evaluate", f"{folder}/{name}.parquet")

    def checkpoints(self, dataset: str, target: str) -> list[str]:
        """The checkpoints of the networks that a source or target consists of."""
        members = self.exhibits.members(target.partition("--")[0])
        return [self.path(dataset, "train", f"{model}.safetensors") for model in members]

    def attack(self, name: str) -> dict[str, Any]:
        """An attack as its paper's file describes it, or as the scale changes it."""
        return self._named("attacks", name)

    def suite_sources(self, suite: str, target: str) -> list[tuple[str, str]]:
        """(attack, source) of every adversarial set that a target meets in a suite; none for clean images.

        In a suite of white-box attacks the source is the target's own network.
        """
        if suite == CLEAN_SUITE:
            return []
        body, model = self._named("suites", suite), target.partition("--")[0]
        sources = [model if source == SELF else source for source in body["sources"]]
        return [(attack, source) for attack in body["attacks"] for source in sources]

    def suite_sets(self, dataset: str, suite: str, target: str) -> list[str]:
        """The adversarial sets that a target meets in a suite."""
        sets = self.suite_sources(suite, target)
        return [self.path(dataset, "attack", f"{attack}/{source}.safetensors") for attack, source in sets]

    def attack_like(self, dataset: str, attack: str, source: str) -> list[str]:
        """The adversarial set that an attack's changes are scaled to; none for most attacks."""
        like = self.attack(attack).get("like")
        if like is None:
            return []
        return [self.path(dataset, "attack", f"{like['attack']}/{like.get('source', source)}.safetensors")]

    def attack_selection(self, dataset: str, attack: str, source: str) -> str:
        """The selection that an attack on a source runs on."""
        return self.path(dataset, "select", f"{self.selection_of(attack, source)}.csv")

    def select_checkpoints(self, dataset: str, selection: str) -> list[str]:
        """Checkpoints of the networks that decide a selection."""
        return [path for model in self.selection_sources(selection) for path in self.checkpoints(dataset, model)]

    def cells_file(self, table: str) -> str:
        """The cells of a table."""
        return self.path(self.dataset_of(table), "cells", f"{table}.csv")

    def printed_file(self, table: str) -> str:
        """The paper's printed cells."""
        return f"data/printed/{self.tables[table][0]}.csv"

    def notes(self, exhibit: str) -> list[str]:
        """Sentences below an exhibit: its own or its table's, then those on its paper at this scale."""
        paper, body = self.tables[exhibit] if exhibit in self.tables else self.figures[exhibit]
        table = self.tables[body["table"]][1] if "table" in body else body
        return [*table.get("notes", []), *self.config.settings.get("notes", {}).get(paper, [])]

    def figure_inputs(self, figure: str) -> dict[str, list[str]]:
        """The files that a figure is drawn from, by what they are."""
        return files_of(self, self.figures[figure][1], self.dataset_of(figure))

    def codes(self, attack: str) -> list[str]:
        """The codes of an attack's budgets, in their order."""
        body = self.attack(attack)
        return [attack_code(body["method"], budget) for budget in body["budgets"]]

    def history_tests(self, dataset: str, model: str) -> list[str]:
        """The test images, for the networks whose curves a figure shows; none for others, which saves the passes."""
        lines = [line for _, body in self.figures.values() for line in body.get("lines", [])]
        shown = any((self.role(line["dataset"]), line["model"]) == (dataset, model) for line in lines)
        return [self.path(dataset, "dataset", "test.safetensors")] if shown else []

    def table_files(self, table: str) -> list[str]:
        """What is published of a table: CSV, Markdown, LaTeX, cells."""
        dataset = self.dataset_of(table)
        rendered = [self.path(dataset, "table", f"{table}.{ending}") for ending in ("csv", "md", "tex")]
        return [*rendered, self.path(dataset, "cells", f"{table}.csv")]

    # Claims: judged on the cells of every table of a paper ---------------------------------------------------

    @property
    def claimed(self) -> list[str]:
        """The papers whose claims are written down."""
        return [paper for paper in self.config.papers if paper in self.config.claims]

    def _claim_tables(self, paper: str) -> list[str]:
        return [table for table, (owner, _) in self.tables.items() if owner == paper]

    def claims_cells(self, paper: str) -> list[str]:
        """The cells of every table of a paper."""
        return [self.path(self.dataset_of(t), "cells", f"{t}.csv") for t in self._claim_tables(paper)]

    def _claim_outcomes(self, paper: str) -> list[tuple[str, str, str]]:
        folders = {table: self.replicas(self.dataset_of(table)) for table in self._claim_tables(paper)}
        places = ((name, *cell.place) for t, names in folders.items() for name in names for cell in self.cells(t))
        return list(dict.fromkeys(places))

    def claims_outcomes(self, paper: str) -> list[str]:
        """The outcomes and measures behind every table of a paper."""
        return [self.lines(*key) for key in self._claim_outcomes(paper)]

    def claims_settings(self, paper: str) -> str:
        """Settings of the rule claims: the cells of every table, and which outcomes each file holds."""
        tables = [json.loads(self.cells_settings(table)) for table in self._claim_tables(paper)]
        title = self.config.papers[paper]["title"]
        return canonical({"title": title, "tables": tables, "outcomes": self._claim_outcomes(paper)})

    def claims_files(self, paper: str) -> list[str]:
        """What is published of a paper's claims: CSV, Markdown, comparisons."""
        dataset = self.role(self.tables[self._claim_tables(paper)[0]][1]["dataset"])
        return [self.path(dataset, "claims", f"{paper}{ending}") for ending in (".csv", ".md", ".comparisons.csv")]

    def figure_files(self, figure: str) -> list[str]:
        """What is published of a figure: SVG, PNG."""
        return [self.path(self.dataset_of(figure), "figure", f"{figure}.{ending}") for ending in ("svg", "png")]

    def selection_of(self, attack: str, source: str) -> str:
        """Name of the selection an attack runs on: one list for all sources, or the source's own."""
        name = self.attack(attack)["selection"]
        rule = self._stages["selections"][name]["rule"]
        return f"{name}-{source}" if rule == "right_on_source" else name

    def selection_sources(self, selection: str) -> list[str]:
        """The networks whose clean predictions decide a selection; none where all images are taken."""
        name, _, source = selection.partition("-")
        return [source] if source else list(self._named("selections", name).get("sources", []))

    def _named(self, kind: str, name: str) -> dict[str, Any]:
        if name not in self._stages[kind]:
            raise LacunaError(
                f"{kind[:-1]} '{name}' is in no config/papers/*.yaml; allowed: {', '.join(self._stages[kind])}"
            )
        return dict(self._stages[kind][name])

    def artefacts(self, *exhibits: str) -> list[Artefact]:
        """All that these tables and figures are made from (of all if none is named), each after its inputs."""
        return all_artefacts(self, exhibits or [*self.tables, *self.figures])

    # Settings: everything that decides an artefact's bytes, besides its inputs -----------------------------

    def dataset_settings(self, dataset: str) -> str:
        """Settings of the rule dataset, as canonical JSON."""
        return canonical({key: value for key, value in self.config.datasets[dataset].items() if key != "foreground"})

    def foreground_settings(self, dataset: str) -> str:
        """Settings of the rule foreground: how masks are found, the class names, where images come from."""
        data = self.config.datasets[dataset]
        masks = self._foreground(dataset)["masks"]
        return canonical({"masks": masks, "classes": class_names(data), "source": data["source"]})

    def _foreground(self, dataset: str) -> dict[str, Any]:
        """A dataset's foreground; raises `LacunaError` where it has none."""
        data = self.config.datasets[dataset]
        if "foreground" not in data:
            raise LacunaError(f"config/datasets.yaml: key {dataset}.foreground is missing; this dataset needs it")
        return dict(data["foreground"])

    def attack_foreground(self, dataset: str, attack: str) -> list[str]:
        """The test images' foreground, for attacks on regions; none for others."""
        method = METHODS.get(self.attack(attack)["method"])
        return self._masks(dataset, "test") if method and method.foreground else []

    def train_masks(self, dataset: str, model: str) -> list[str]:
        """The training images' foreground, for networks trained on attacks on regions; none for others."""
        training = parse_model(model).training
        attack = {} if training in (STANDARD, OWN) else self._named("trainings", training).get("attack", {})
        return self._masks(dataset, "train") if attack and METHODS[attack["method"]].foreground else []

    def _masks(self, dataset: str, split: str) -> list[str]:
        self._foreground(dataset)
        return [self.path(dataset, "foreground", f"{split}.safetensors")]

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
        functions = [self._named("defenses", defense).get("function", "")] if defense else []
        return self.own_code(*self._factories(model), *functions)

    def _factories(self, model: str) -> list[str]:
        own = [name for name in self.exhibits.members(model) if parse_model(name).training == OWN]
        return [self._named("networks", name)["factory"] for name in own]

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
                "fold_batch_norm": self.config.fold_batch_norm and not self._factories(source),
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

    def measure_foreground(self, dataset: str, attack: str) -> list[str]:
        """The test images' foreground, where scores of it are measured; none for other measures."""
        scored = SCORES.keys() & set(self.attack(attack).get("measures", []))
        return self._masks(dataset, "test") if scored else []

    def gradient_settings(self, dataset: str, target: str) -> str:
        """Settings of the rule gradient: the network."""
        return canonical({"network": self.network_settings(dataset, target)})

    def gradient_foreground(self, dataset: str) -> list[str]:
        """The test images' foreground, on which a share of every gradient is measured."""
        return self._masks(dataset, "test")

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

    def figure_settings(self, figure: str) -> str:
        """Settings of the rule figure: which plot, its title, and what the files do not tell."""
        body = self.figures[figure][1]
        settings = settings_of(self, body, self.dataset_of(figure))
        notes = self.notes(figure)
        return canonical({"exhibit": figure, **settings, **({"notes": notes} if notes else {})})

    def epochs(self, dataset: str, model: str) -> int:
        """Epochs that a model is trained for at this scale."""
        spec = parse_model(model)
        if spec.training not in (STANDARD, OWN) and "head" in self._named("trainings", spec.training):
            return 0  # the published network as it is
        return self.usual_epochs(dataset, spec.arch)

    def usual_epochs(self, dataset: str, arch: str) -> int:
        """Epochs of the scale's recipe for an architecture, which its expected seconds are about."""
        recipe = self.config.settings["recipes"][dataset]
        return int(recipe.get("epochs_of", {}).get(arch, recipe["epochs"]))

    def seconds(self, model: str) -> int:
        """Expected seconds to train a model at this scale: the scale's cost table, and a pass more per attack step."""
        spec = parse_model(model)
        attack = {} if spec.training in (STANDARD, OWN) else self._named("trainings", spec.training).get("attack", {})
        return int(self.config.settings["seconds"][spec.arch]) * (1 + attack.get("steps", 0)) * (2 if spec.wide else 1)


def _replica(dataset: str, seed: int) -> str:
    return f"{dataset}-seed{seed}"


def _seeds(config: Config) -> dict[str, tuple[str, int]]:
    """Dataset and seed behind each folder below results/<scale>/."""
    further = [(name, config.seed + i) for name in config.datasets for i in range(1, config.seeds)]
    if taken := sorted({_replica(*pair) for pair in further} & set(config.datasets)):
        raise LacunaError(f"config/datasets.yaml: '{taken[0]}' is the name of a training seed's folder; rename it")
    return {name: (name, config.seed) for name in config.datasets} | {_replica(*pair): pair for pair in further}


def _with_folders(config: Config, seeds: Mapping[str, tuple[str, int]]) -> Config:
    """The configuration in which the folder of each training seed stands for its dataset."""
    recipes = config.settings["recipes"]
    whole = {folder: recipes[name] for folder, (name, _) in seeds.items() if name in recipes}
    datasets = {folder: config.datasets[name] for folder, (name, _) in seeds.items()}
    return replace(config, datasets=datasets, settings={**config.settings, "recipes": whole})


def _by_name(config: Config) -> dict[str, dict[str, Any]]:
    names = ("selections", "attacks", "suites", "networks", "defenses", "ensembles", "trainings")
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
