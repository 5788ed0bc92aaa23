"""What a configuration names: exhibits, networks, attacks, suites, selections. No torch here."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from lacuna.config.load import Config
from lacuna.config.sources import files_of
from lacuna.config.victims import VICTIM
from lacuna.errors import LacunaError
from lacuna.language.attacks import attack_code
from lacuna.language.exhibits import CLEAN_SUITE, Cell, Exhibits, network_codes
from lacuna.language.models import BEHIND, DEFENDED, SELF
from lacuna.reporting.plots import roles_of

SCORES = {"foreground_score": "saliency", "foreground_score_unseen": "unseen"}  # measure -> saliency model


class Replica(NamedTuple):
    """A dataset with one of its training seeds: what a folder below results/<scale>/ is of."""

    dataset: str
    seed: int


class Lookup:
    """Looks up, for one configuration, what a name stands for.

    Each training seed has a folder of its own below results/<scale>/, as if it were a dataset.
    """

    def __init__(self, config: Config) -> None:
        self.seeds = _seeds(config)
        self.config = config = _with_folders(config, self.seeds)
        self.tables = {name: (paper, body) for paper, c in config.papers.items() for name, body in c["tables"].items()}
        self.figures = {
            name: (paper, body) for paper, c in config.papers.items() for name, body in c["figures"].items()
        }
        self._parts = _by_name(config)
        self.exhibits = Exhibits(self._parts)
        self._cells: dict[str, tuple[Cell, ...]] = {}

    def role(self, name: str) -> str:
        """The dataset that plays a role of the papers at this scale."""
        return str(self.config.settings["datasets"][name])

    def dataset_of(self, exhibit: str) -> str:
        """The dataset that plays the exhibit's role at this scale; a table's and its figure's are one."""
        if exhibit in self.tables:
            return self.role(self.tables[exhibit][1]["dataset"])
        body = self.figures[exhibit][1]
        return self.dataset_of(body["table"]) if "table" in body else self.role(roles_of(body)[0])

    def wildcards_of(self, exhibit: str) -> dict[str, str]:
        """The wildcards of an exhibit's files: its dataset, and its name."""
        return {"dataset": self.dataset_of(exhibit), "exhibit": exhibit}

    def replicas(self, dataset: str) -> list[str]:
        """The folders of a dataset's training seeds: its own name, then ``<dataset>-seed<n>`` for each further one."""
        return [dataset, *(_replica(dataset, self.config.seed + i) for i in range(1, self.config.seeds))]

    def cells(self, table: str) -> tuple[Cell, ...]:
        """The cells of a table in printed order, row by row."""
        if table not in self._cells:
            self._cells[table] = tuple(self.exhibits.cells(self.tables[table][1]))
        return self._cells[table]

    def attack(self, name: str) -> dict[str, Any]:
        """An attack as its paper's file describes it, or as the scale changes it."""
        return self.named("attacks", name)

    def codes(self, attack: str) -> list[str]:
        """The codes of an attack's budgets, in their order."""
        body = self.attack(attack)
        return [attack_code(body["method"], budget) for budget in body["budgets"]]

    def suite_sources(self, suite: str, target: str) -> list[tuple[str, str]]:
        """(attack, source) of every adversarial set that a target meets in a suite; none for clean images.

        In a suite of white-box attacks the source is the target's own network, or with its defense the target.
        """
        if suite == CLEAN_SUITE:
            return []
        body, own = self.named("suites", suite), {SELF: target.partition(BEHIND)[0], DEFENDED: target}
        sources = [own.get(source, source) for source in body["sources"]]
        return [(attack, source) for attack in body["attacks"] for source in sources]

    def selection_of(self, attack: str, source: str) -> str:
        """Name of the selection an attack runs on: one list for all sources, or the source's own."""
        name = self.attack(attack)["selection"]
        rule = self._parts["selections"][name]["rule"]
        return f"{name}-{source.partition(BEHIND)[0]}" if rule == "right_on_source" else name

    def selection_sources(self, selection: str) -> list[str]:
        """The networks whose clean predictions decide a selection; none where all images are taken."""
        name, _, source = selection.partition("-")
        return [source] if source else list(self.named("selections", name).get("sources", []))

    @property
    def claimed(self) -> list[str]:
        """The papers whose claims are written down."""
        return [paper for paper in self.config.papers if self.config.sources[paper].claims and self.tables_of(paper)]

    def claim_names(self, paper: str) -> dict[str, dict[str, str]]:
        """What claims of a paper may write in place of codes, by the key of the cells: budgets, and the victim."""
        bodies = [self.tables[table][1] for table in self.tables_of(paper)]
        named = {name: code for body in bodies for name, code in self.exhibits.names_in(body).items()}
        names = {"attack": {name: code for name, code in named.items() if name != code}}
        if model := self.config.papers[paper].get(VICTIM):
            codes = network_codes(model, "", self._parts["ensembles"])
            names |= {key: {VICTIM: code} for key, code in codes.items()}
        return names

    def tables_of(self, paper: str) -> list[str]:
        """The tables of a paper."""
        return [table for table, (owner, _) in self.tables.items() if owner == paper]

    def printed_tables(self, paper: str) -> dict[int, str]:
        """The tables of a paper by the number of the printed one; the first where several show one."""
        bodies = {table: self.tables[table][1] for table in self.tables_of(paper)}
        return {body["printed"]: table for table, body in reversed(bodies.items()) if "printed" in body}

    def named(self, kind: str, name: str) -> dict[str, Any]:
        """A part of the papers' files, such as a suite. Raises `LacunaError` where no paper has it."""
        if name not in self._parts[kind]:
            where = f"{kind[:-1]} '{name}' is in none of {files_of(self.config.sources)}"
            raise LacunaError(f"{where}; allowed: {', '.join(self._parts[kind])}")
        return dict(self._parts[kind][name])

    def defense(self, target: str) -> dict[str, Any]:
        """The defense before a target, or before a source that is attacked with it; empty where there is none."""
        defense = target.partition(BEHIND)[2]
        return self.named("defenses", defense) if defense else {}

    def foreground(self, dataset: str) -> dict[str, Any]:
        """A dataset's foreground; raises `LacunaError` where it has none."""
        data = self.config.datasets[dataset]
        if "foreground" not in data:
            raise LacunaError(f"config/datasets.yaml: key {dataset}.foreground is missing; this dataset needs it")
        return dict(data["foreground"])


def _replica(dataset: str, seed: int) -> str:
    return f"{dataset}-seed{seed}"


def _seeds(config: Config) -> dict[str, Replica]:
    """What is behind each folder below results/<scale>/."""
    further = [Replica(name, config.seed + i) for name in config.datasets for i in range(1, config.seeds)]
    if taken := sorted({_replica(*pair) for pair in further} & set(config.datasets)):
        raise LacunaError(f"config/datasets.yaml: '{taken[0]}' is the name of a training seed's folder; rename it")
    return {name: Replica(name, config.seed) for name in config.datasets} | {_replica(*pair): pair for pair in further}


def _with_folders(config: Config, seeds: Mapping[str, Replica]) -> Config:
    """The configuration in which the folder of each training seed stands for its dataset."""
    recipes = config.settings["recipes"]
    whole = {folder: recipes[name] for folder, (name, _) in seeds.items() if name in recipes}
    datasets = {folder: config.datasets[name] for folder, (name, _) in seeds.items()}
    return replace(config, datasets=datasets, settings={**config.settings, "recipes": whole})


def _by_name(config: Config) -> dict[str, dict[str, Any]]:
    names = ("selections", "attacks", "suites", "networks", "defenses", "ensembles", "trainings")
    kinds: dict[str, dict[str, Any]] = {name: {} for name in names}
    for content in config.papers.values():
        for kind, known in kinds.items():
            known.update(content.get(kind, {}))
    return kinds
