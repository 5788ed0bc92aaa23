"""What a scale must say for an exhibit to be made at it, and exhibits for which it does not. No torch here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lacuna.config.uses import Use, figure_uses, table_uses
from lacuna.errors import LacunaError
from lacuna.language.exhibits import Exhibits
from lacuna.language.models import OWN, parse_model
from lacuna.language.roles import ROLES

Body = Mapping[str, Any]
Gaps = dict[str, str]  # keys that a scale's file lacks, each with what it would say


@dataclass(frozen=True)
class Incomplete:
    """An exhibit that cannot be made at the scale: its paper, and what the scale lacks for it."""

    paper: str
    gaps: Gaps


Found = dict[tuple[str, str], Incomplete]  # by tables or figures, and name


def find_incomplete(papers: Mapping[str, Body], parts: Mapping[str, Body], settings: Body) -> Found:
    """The exhibits of the ``papers`` for which the scale's ``settings`` lack something, with all that they lack.

    What names something that does not exist is left to the checks of names.
    """
    found, gaps = dict[tuple[str, str], Incomplete](), _Gaps(parts, settings)
    for paper, content in papers.items():
        for kind, name, uses in _uses(content, parts):
            shown = found.get(("tables", content[kind][name].get("table", "")))
            lacking = dict(shown.gaps if shown else {})
            for use in uses:
                lacking |= gaps.of(use)
            if lacking:
                found[kind, name] = Incomplete(paper, lacking)
    return found


def with_images(
    settings: Body, papers: Mapping[str, Body], parts: Mapping[str, Body], datasets: Mapping[str, Body]
) -> dict[str, Any]:
    """The scale's settings with the images that stand beside selections where the scale does not say how many.

    That is the most: of a dataset with fewer test images all are taken.
    """
    counts = {name: body["images"] for name, body in parts["selections"].items() if "images" in body}
    for content in papers.values():
        for use in (use for _, _, uses in _uses(content, parts) for use in uses):
            if dataset := settings["datasets"].get(use.role):
                chosen = selections_of(use, parts) & counts.keys()
                counts |= {name: min(counts[name], datasets[dataset]["test"]) for name in chosen}
    return {**settings, "images": counts | settings["images"]}


def without(papers: Mapping[str, Body], found: Found) -> dict[str, dict[str, Any]]:
    """The papers without their incomplete exhibits."""
    kept = {
        paper: {
            kind: {name: body for name, body in content[kind].items() if (kind, name) not in found}
            for kind in ("tables", "figures")
        }
        for paper, content in papers.items()
    }
    return {paper: {**content, **kept[paper]} for paper, content in papers.items()}


def _uses(content: Body, parts: Mapping[str, Body]) -> Iterator[tuple[str, str, list[Use]]]:
    """Each exhibit of a paper, tables first, with its uses; none where a name does not exist."""
    exhibits = Exhibits(parts)
    for kind, uses_of in (("tables", table_uses), ("figures", figure_uses)):
        for name, body in content[kind].items():
            try:
                found = list(uses_of(name, body, exhibits))
                for model in (model for use in found for model in use.models):
                    parse_model(model)
            except (KeyError, LacunaError):  # which a later check refuses
                found = []
            yield kind, name, found


def selections_of(use: Use, parts: Mapping[str, Body]) -> set[str]:
    """The selections that a use's attacks run on."""
    return {parts["attacks"][attack]["selection"] for attack, _ in use.sets}


class _Gaps:
    """What a scale's ``settings`` lack for a use."""

    def __init__(self, parts: Mapping[str, Body], settings: Body) -> None:
        self.parts, self.settings = parts, settings

    def of(self, use: Use) -> Gaps:
        """A dataset, a recipe on it, the speed of networks, numbers of images; by the keys that lack."""
        built = [spec for spec in map(parse_model, sorted(use.models)) if spec.training != OWN]
        trained = [spec for spec in built if "head" not in self.parts["trainings"].get(spec.training, {})]
        slow = self._absent("throughput", {spec.arch for spec in built})
        speeds = {f"throughput.{arch}": "images a second that a training passes" for arch in slow}
        asked = self._absent("images", selections_of(use, self.parts))
        counts = {f"images.{name}": "how many test images it attacks" for name in asked}
        return {**self._of_data(use.role, bool(trained)), **speeds, **counts}

    def _of_data(self, role: str, trained: bool) -> Gaps:
        dataset = self.settings["datasets"].get(role)
        if dataset is None:
            return {f"datasets.{role}": "the dataset that plays the role"} if role in ROLES else {}
        absent = self._absent("recipes", {dataset} if trained else set())
        return {f"recipes.{name}": "how networks are trained on the dataset" for name in absent}

    def _absent(self, section: str, names: set[str]) -> list[str]:
        return sorted(names - self.settings[section].keys())
