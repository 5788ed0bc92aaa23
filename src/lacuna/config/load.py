"""Reads the configuration files, fills one object, and refuses whatever could not run. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lacuna.config.datasets import check_datasets
from lacuna.config.defenses import check_defenses
from lacuna.config.figures import check_figures
from lacuna.config.fits import check_fits
from lacuna.config.parts import Models, Paper, check_names, check_papers
from lacuna.config.radii import check_radii
from lacuna.config.scales import check_scale
from lacuna.config.schema import check_schema
from lacuna.config.shared import check_shared, written_out
from lacuna.config.tables import check_tables
from lacuna.config.yaml_files import read_yaml
from lacuna.errors import LacunaError
from lacuna.language.models import FLOAT32

OPTIONAL = ("networks", "defenses", "ensembles", "trainings")  # parts that a paper's file may lack
SCALED = ("attacks", "trainings", "defenses")  # parts of which a scale may change keys


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
    precision: str = FLOAT32


def load(root: Path, chosen: Mapping[str, Any]) -> Config:
    """The configuration below ``root`` for what config/config.yaml and the command line chose.

    ``chosen`` holds the keys of config/config.yaml. Raises `LacunaError` with one sentence naming file, key and
    allowed values for the first thing that is wrong, before anything runs.
    """
    read_yaml(root / "config/config.yaml", root)  # refuses a key written twice
    chosen = {key: _as_in_yaml(value) for key, value in chosen.items()}
    check_schema(chosen, "config", "config/config.yaml or --config", root)
    scales = {path.stem: path for path in sorted((root / "config/scales").glob("*.yaml"))}
    if chosen["scale"] not in scales:
        raise LacunaError(
            f"config/config.yaml or --config, key scale: '{chosen['scale']}'; allowed: {', '.join(scales)}"
        )
    datasets = _checked(root / "config/datasets.yaml", "datasets", root)
    settings = _checked(scales[chosen["scale"]], "scale", root)
    files = {path.stem: _checked(path, "paper", root) for path in sorted((root / "config/papers").glob("*.yaml"))}
    scale_file = f"config/scales/{chosen['scale']}.yaml"
    datasets = _with_foreground(datasets, settings, scale_file, root)
    check_datasets("config/datasets.yaml", datasets)
    check_scale(scale_file, settings, datasets)
    papers = _scaled({name: written_out(file) for name, file in files.items()}, settings, scale_file, root)
    _check(files, papers, scale_file, settings, datasets)
    claims = frozenset(path.stem for path in (root / "config/claims").glob("*.yaml"))
    switches = (chosen["scale"], chosen["seed"], chosen["mask_place"], chosen["fold_batch_norm"])
    return Config(
        *switches, settings, datasets, papers, claims, chosen.get("seeds", 1), chosen.get("precision", FLOAT32)
    )


def _as_in_yaml(value: Any) -> Any:
    """``true`` and ``false`` of the command line, where Snakemake reads Python's spelling only."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _with_foreground(datasets: Mapping[str, Any], settings: Mapping[str, Any], scale_file: str, root: Path) -> Any:
    """The datasets with what the scale changes of their foregrounds; the result must be valid too."""
    changes = settings.get("foreground", {})
    for name in changes:
        if name not in datasets:
            raise LacunaError(f"{scale_file}, key foreground: '{name}' is not known; allowed: {', '.join(datasets)}")
    changed = {name: {"foreground": {**datasets[name].get("foreground", {}), **changes[name]}} for name in changes}
    merged = {name: {**body, **changed.get(name, {})} for name, body in datasets.items()}
    check_schema(merged, "datasets", f"config/datasets.yaml with foreground of {scale_file}", root)
    return merged


def _scaled(papers: Mapping[str, Any], settings: Mapping[str, Any], scale_file: str, root: Path) -> dict[str, Any]:
    """The papers' files with what the scale changes of attacks and trainings; the result must be valid too."""
    scaled = {paper: dict(content) for paper, content in papers.items()}
    for kind in SCALED:
        changes = settings.get(kind, {})
        known = sorted(name for content in papers.values() for name in content.get(kind, {}))
        for name in changes:
            if name not in known:
                raise LacunaError(f"{scale_file}, key {kind}: '{name}' is not known; allowed: {', '.join(known)}")
        for content in scaled.values():
            if kind in content:
                content[kind] = {name: _changed(body, changes.get(name, {})) for name, body in content[kind].items()}
    for paper, content in scaled.items():
        check_schema(content, "paper", f"config/papers/{paper}.yaml with attacks of {scale_file}", root)
    return scaled


def _changed(body: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A part with other values for some keys; null takes a key away, ``budget`` changes every budget of an attack."""
    both = {key: {**body[key], **new} for key, new in changes.items() if isinstance(body.get(key), dict) and new}
    changed = {key: value for key, value in {**body, **changes, **both}.items() if value is not None}
    every = changed.pop("budget", {})
    return changed | ({"budgets": [{**budget, **every} for budget in changed["budgets"]]} if every else {})


def _check(
    files: Mapping[str, Any],
    papers: Mapping[str, Any],
    scale_file: str,
    settings: Mapping[str, Any],
    datasets: Mapping[str, Any],
) -> None:
    """Refuses what does not agree in the papers' ``files``, of which ``papers`` are written out for the scale."""
    checked = {}
    for name, content in papers.items():
        file, whole = f"config/papers/{name}.yaml", {key: {} for key in OPTIONAL} | content
        check_shared(file, files[name])
        checked[name] = Paper(file, whole, files[name], scale_file, settings, datasets)
    check_papers(checked)
    check_defenses(checked)
    models = Models(checked)
    for paper in checked.values():
        check_tables(paper)
        check_figures(paper, models)
    check_names(checked)
    check_radii(checked)
    check_fits(checked)


def _checked(path: Path, schema: str, root: Path) -> Any:
    content = read_yaml(path, root)
    check_schema(content, schema, path.relative_to(root).as_posix(), root)
    return content
