"""From an exhibit's YAML to the files it needs: what the rules' inputs are. No torch here."""

import os
from importlib.machinery import PathFinder

from lacuna.language.attacks import METHODS
from lacuna.language.models import parse_model
from lacuna.plan.figures import files_of, settings_of
from lacuna.plan.inventory import Artefact, all_artefacts
from lacuna.plan.settings import SCORES, Settings, canonical

MEASURED_SIDE = 32  # pixels along each side of the images that a scale's throughput is about
TORCHVISION_STRIDE = 4  # between the image and the first stage, in networks with trained weights of torchvision


class Plan(Settings):
    """Answers, for one configuration, what the workflow's rules ask; what is asked of settings is in `Settings`."""

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

    def attack_foreground(self, dataset: str, attack: str) -> list[str]:
        """The test images' foreground, for attacks on regions; none for others."""
        method = METHODS.get(self.attack(attack)["method"])
        return self._foreground_file(dataset, "test") if method and method.foreground else []

    def attack_own_code(self, attack: str, source: str) -> list[str]:
        """Code of the user's own that decides an adversarial set."""
        return self.own_code(self.attack(attack)["method"], *self._factories(source))

    def select_checkpoints(self, dataset: str, selection: str) -> list[str]:
        """Checkpoints of the networks that decide a selection."""
        return [path for model in self.selection_sources(selection) for path in self.checkpoints(dataset, model)]

    def train_foreground(self, dataset: str, model: str) -> list[str]:
        """The training images' foreground, for networks trained on attacks on regions; none for others."""
        attack = self.training_of(model).get("attack", {})
        return self._foreground_file(dataset, "train") if attack and METHODS[attack["method"]].foreground else []

    def _foreground_file(self, dataset: str, split: str) -> list[str]:
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

    def target_own_code(self, target: str) -> list[str]:
        """Code of the user's own that decides a target's outcomes."""
        model, _, defense = target.partition("--")
        functions = [self._named("defenses", defense).get("function", "")] if defense else []
        return self.own_code(*self._factories(model), *functions)

    def measure_foreground(self, dataset: str, attack: str) -> list[str]:
        """The test images' foreground, where scores of it are measured; none for other measures."""
        scored = SCORES.keys() & set(self.attack(attack).get("measures", []))
        return self._foreground_file(dataset, "test") if scored else []

    def gradient_foreground(self, dataset: str) -> list[str]:
        """The test images' foreground, on which a share of every gradient is measured."""
        return self._foreground_file(dataset, "test")

    def adopt_checkpoint(self, model: str) -> str:
        """The weights of a network of the user's own."""
        return str(self._named("networks", model)["checkpoint"])

    def cells_file(self, table: str) -> str:
        """The cells of a table."""
        return self.path(self.dataset_of(table), "cells", f"{table}.csv")

    def printed_file(self, table: str) -> str:
        """The paper's printed cells."""
        return f"data/printed/{self.tables[table][0]}.csv"

    def table_files(self, table: str) -> list[str]:
        """What is published of a table: CSV, Markdown, LaTeX, cells."""
        dataset = self.dataset_of(table)
        rendered = [self.path(dataset, "table", f"{table}.{ending}") for ending in ("csv", "md", "tex")]
        return [*rendered, self.path(dataset, "cells", f"{table}.csv")]

    def figure_inputs(self, figure: str) -> dict[str, list[str]]:
        """The files that a figure is drawn from, by what they are."""
        return files_of(self, self.figures[figure][1], self.dataset_of(figure))

    def figure_settings(self, figure: str) -> str:
        """Settings of the rule figure: which plot, its title, and what the files do not tell."""
        body = self.figures[figure][1]
        settings = settings_of(self, body, self.dataset_of(figure))
        notes = self.notes(figure)
        return canonical({"exhibit": figure, **settings, **({"notes": notes} if notes else {})})

    def figure_files(self, figure: str) -> list[str]:
        """What is published of a figure: SVG, PNG."""
        return [self.path(self.dataset_of(figure), "figure", f"{figure}.{ending}") for ending in ("svg", "png")]

    def claims_cells(self, paper: str) -> list[str]:
        """The cells of every table of a paper."""
        return [self.path(self.dataset_of(t), "cells", f"{t}.csv") for t in self._claim_tables(paper)]

    def claims_outcomes(self, paper: str) -> list[str]:
        """The outcomes and measures behind every table of a paper."""
        return [self.lines(*key) for key in self._claim_outcomes(paper)]

    def claims_files(self, paper: str) -> list[str]:
        """What is published of a paper's claims: CSV, Markdown, comparisons."""
        dataset = self.role(self.tables[self._claim_tables(paper)[0]][1]["dataset"])
        return [self.path(dataset, "claims", f"{paper}{ending}") for ending in (".csv", ".md", ".comparisons.csv")]

    def artefacts(self, *exhibits: str) -> list[Artefact]:
        """All that these tables and figures are made from (of all if none is named), each after its inputs."""
        return all_artefacts(self, exhibits or [*self.tables, *self.figures])

    def seconds(self, dataset: str, model: str) -> float:
        """Expected seconds to train a model at this scale: its recipe's epochs, and a pass more per attack step."""
        images = self.epochs(dataset, model) * self.config.datasets[dataset]["train"]
        passes = 1 + self.training_of(model).get("attack", {}).get("steps", 0)
        return float(images * passes * self.pass_seconds(dataset, model))

    def pass_seconds(self, dataset: str, model: str) -> float:
        """Expected seconds of a training step, per image: the scale's ``throughput``, and the images' pixels."""
        spec, (_, height, width) = parse_model(model), self.config.datasets[dataset]["image"]
        area = height * width / MEASURED_SIDE**2 * (2 if spec.wide else 1)
        if self.training_of(model).get("pretrained"):
            area /= TORCHVISION_STRIDE**2
        return area / float(self.config.settings["throughput"][spec.arch])


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
