"""Reads the configuration files, fills one object, and refuses whatever could not run. No torch here."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lacuna.checks import Paper, check_datasets, check_papers, check_scale
from lacuna.checks_exhibits import check_exhibits
from lacuna.errors import LacunaError
from lacuna.schema import check_schema

OPTIONAL = ("networks", "defenses", "ensembles", "trainings")  # parts that a paper's file may lack


@dataclass(frozen=True)
class Config:
    """Everything that changes a number: the chosen scale's file, the datasets and the papers' exhibits.

    ``scale`` is the scale's name; ``settings`` its file; ``datasets`` and ``papers`` map names to file contents;
    ``claims`` names the papers that config/claims has; ``seeds`` is the number of trainings of every network.
    """

    scale: str
    seed: int
    mask_place: str
    fold_batch_norm: bool
    settings: Mapping[str, Any]
    datasets: Mapping[str, Any]
    papers: Mapping[str, Any]
    claims: frozenset[str] = frozenset()
    seeds: int = 1


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # ten times as fast where built
    """Safe YAML that refuses a key written twice, which plain YAML lets the later one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping; raises `LacunaError` naming a key that stands in it twice."""
        merge = "tag:yaml.org,2002:merge"  # `<<: *anchor`, which may be overridden on purpose
        keys = [self.construct_object(key, deep) for key, _ in node.value if key.tag != merge]
        for key in keys:
            if keys.count(key) > 1:
                raise LacunaError(f"{self.name}: key '{key}' is written twice, line {node.start_mark.line + 1} on")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, root: Path) -> Any:
    """A YAML file's content. Raises `LacunaError` naming the file, relative to ``root``, where it does not parse."""
    name = path.relative_to(root).as_posix()
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        loader.name = name
        return loader.get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", error)
        raise LacunaError(f"{name}{where}: not valid YAML ({problem})") from None


def load(root: Path, chosen: Mapping[str, Any]) -> Config:
    """The configuration below ``root`` for what config.yaml and the command line chose.

    ``chosen`` holds the keys of config/config.yaml. Raises `LacunaError` with one sentence naming file, key and
    allowed values for the first thing that is wrong, before anything runs.
    """
    read_yaml(root / "config/config.yaml", root)  # refuses a key written twice
    check_schema(dict(chosen), "config", "config/config.yaml or --config", root)
    scales = {path.stem: path for path in sorted((root / "config/scales").glob("*.yaml"))}
    if chosen["scale"] not in scales:
        raise LacunaError(
            f"config/config.yaml or --config, key scale: '{chosen['scale']}'; allowed: {', '.join(scales)}"
        )
    datasets = _checked(root / "config/datasets.yaml", "datasets", root)
    settings = _checked(scales[chosen["scale"]], "scale", root)
    papers = {path.stem: _checked(path, "paper", root) for path in sorted((root / "config/papers").glob("*.yaml"))}
    check_datasets("config/datasets.yaml", datasets)
    scale_file = f"config/scales/{chosen['scale']}.yaml"
    check_scale(scale_file, settings, datasets)
    papers = _scaled(papers, settings, scale_file, root)
    _check(papers, scale_file, settings, datasets)
    claims = frozenset(path.stem for path in (root / "config/claims").glob("*.yaml"))
    switches = (chosen["scale"], chosen["seed"], chosen["mask_place"], chosen["fold_batch_norm"])
    return Config(*switches, settings, datasets, papers, claims, chosen.get("seeds", 1))


def _scaled(papers: Mapping[str, Any], settings: Mapping[str, Any], scale_file: str, root: Path) -> dict[str, Any]:
    """The papers' files with what the scale changes of their attacks; the result must be valid too."""
    changes = settings.get("attacks", {})
    known = sorted(name for content in papers.values() for name in content["attacks"])
    for name in changes:
        if name not in known:
            raise LacunaError(f"{scale_file}, key attacks: '{name}' is not known; allowed: {', '.join(known)}")
    scaled = {}
    for paper, content in papers.items():
        attacks = {name: {**body, **changes.get(name, {})} for name, body in content["attacks"].items()}
        scaled[paper] = {**content, "attacks": attacks}
        check_schema(scaled[paper], "paper", f"config/papers/{paper}.yaml with attacks of {scale_file}", root)
    return scaled


def _check(
    papers: Mapping[str, Any], scale_file: str, settings: Mapping[str, Any], datasets: Mapping[str, Any]
) -> None:
    files = {name: f"config/papers/{name}.yaml" for name in papers}
    whole = {name: {key: {} for key in OPTIONAL} | content for name, content in papers.items()}
    checked = {name: Paper(files[name], whole[name], scale_file, settings, datasets) for name in papers}
    check_papers(checked)
    check_exhibits(checked)


def _checked(path: Path, schema: str, root: Path) -> Any:
    content = read_yaml(path, root)
    check_schema(content, schema, path.relative_to(root).as_posix(), root)
    return content
