"""Where artefacts lie, and what lies at a path: the one place that builds paths below results/ and reads them back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

from lacuna.errors import LacunaError

ROOT = "results/{scale}/{dataset}"
# What each wildcard of a path may be; rules/common.smk gives the same to Snakemake.
WILDCARDS = {
    "dataset": "[a-z0-9-]+",
    "exhibit": "[a-z0-9-]+",
    "model": "[a-z0-9.-]+",
    "source": "[a-z0-9.-]+",
    "attack": "[a-z0-9_]+",
    "paper": "[a-z][a-z0-9-]*",
    "suite": "[a-z0-9_]+",
    "split": "train|test",
    "target": "[a-z0-9.-]+",
    "selection": "[a-z0-9_]+(-[a-z0-9.-]+)?",
}


@dataclass(frozen=True)
class Place:
    """What a path says: the stage that makes the file, which of its outputs it is, and for which wildcards."""

    stage: str
    output: str
    wildcards: Mapping[str, str]


class Paths:
    """The paths of one scale.

    ``templates`` are the outputs of every stage, by the names of both, below results/<scale>/<dataset>/;
    ``constraints`` narrow the `WILDCARDS` of a stage.
    """

    def __init__(
        self,
        scale: str,
        templates: Mapping[str, Mapping[str, str]],
        constraints: Mapping[str, Mapping[str, str]],
    ) -> None:
        root = ROOT.replace("{scale}", scale)
        self._templates = {
            (stage, output): f"{root}/{name}"
            for stage, outputs in templates.items()
            for output, name in outputs.items()
        }
        self._patterns = {
            key: _pattern(template, {**WILDCARDS, **constraints.get(key[0], {})})
            for key, template in self._templates.items()
        }

    def template(self, stage: str, output: str) -> str:
        """Where a stage's output lies, with its wildcards in braces."""
        return self._templates[stage, output]

    def of(self, stage: str, output: str, **wildcards: str) -> str:
        """Where a stage's output lies for these wildcards. KeyError for one that is missing."""
        return self._templates[stage, output].format_map(wildcards)

    def parse(self, path: str) -> Place:
        """What lies at a path. Raises `KeyError` where no stage makes such a file at this scale."""
        for (stage, output), pattern in self._patterns.items():
            if match := pattern.fullmatch(path):
                return Place(stage, output, match.groupdict())
        raise KeyError(path)


def folder_of(path: str) -> tuple[str, str]:
    """Scale and dataset of a path, of any scale. Raises `LacunaError` for a path that is not below results/."""
    found = _pattern(ROOT, {**WILDCARDS, "scale": "[^/]+"}).match(path)
    if found is None:
        raise LacunaError(f"{path} is not below {ROOT}; allowed: what a stage has made")
    return found["scale"], found["dataset"]


def _pattern(template: str, wildcards: Mapping[str, str]) -> re.Pattern[str]:
    parts = Formatter().parse(template)
    groups = ((text, f"(?P<{name}>{wildcards[name]})" if name else "") for text, name, _, _ in parts)
    return re.compile("".join(re.escape(text) + group for text, group in groups))
