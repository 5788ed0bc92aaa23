"""Reads the configuration files, fills one object, and refuses whatever could not run. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lacuna.config.complete import Found, find_incomplete, with_images, without
from lacuna.config.datasets import check_datasets, with_limits
from lacuna.config.defenses import check_defenses
from lacuna.config.extends import read_scale
from lacuna.config.figures import check_figures
from lacuna.config.fits import check_fits
from lacuna.config.joined import DEFINED, join_parts
from lacuna.config.notes import Declared, check_notes
from lacuna.config.parts import Models, Paper, check_papers
from lacuna.config.radii import check_radii
from lacuna.config.scaled import scale_papers
from lacuna.config.scales import check_scale, with_roles
from lacuna.config.schema import check_schema
from lacuna.config.shared import check_shared
from lacuna.config.sources import Source, find_papers
from lacuna.config.tables import check_tables
from lacuna.config.victims import with_victims
from lacuna.config.yaml_files import name_of, read_yaml
from lacuna.errors import LacunaError
from lacuna.language.models import FLOAT32


@dataclass(frozen=True)
class Config:
    """Everything that changes a number: the chosen scale's file, the datasets and the papers' exhibits.

    ``scale`` is the scale's name; ``settings`` its file; ``datasets`` and ``papers`` map names to file contents;
    ``sources`` says where the files of each paper lie; ``incomplete`` are exhibits that ``papers`` lack, since the
    scale does not say all that they need; ``seeds`` is the number of trainings of every network.
    """

    scale: str
    seed: int
    mask_place: str
    fold_batch_norm: bool
    settings: Mapping[str, Any]
    datasets: Mapping[str, Any]
    papers: Mapping[str, Any]
    sources: Mapping[str, Source] = field(default_factory=dict)
    incomplete: Found = field(default_factory=dict)
    seeds: int = 1
    precision: str = FLOAT32
    fast: bool = False


def load(root: Path, chosen: Mapping[str, Any]) -> Config:
    """The configuration below ``root`` for what config/config.yaml and the command line chose.

    ``chosen`` holds the keys of config/config.yaml. Raises `LacunaError` with one sentence naming file, key and
    allowed values for the first thing that is wrong, before anything runs.
    """
    read_yaml(root / "config/config.yaml", root)  # refuses a key written twice
    chosen = {key: _as_in_yaml(value) for key, value in chosen.items()}
    check_schema(chosen, "config", "config/config.yaml or --config", root)
    scale_file, settings = f"config/scales/{chosen['scale']}.yaml", _scale(root, chosen["scale"])
    datasets = _datasets(root, settings, scale_file)
    check_scale(scale_file, settings, datasets)
    sources = find_papers(root, chosen.get("papers", ()))
    files = {name: _paper(root, source.file) for name, source in sources.items()}
    files = with_victims(files, settings, scale_file, sources)
    papers = scale_papers(files, settings, scale_file, sources, root)
    joined = join_parts({sources[name].file: content for name, content in papers.items()})
    settings = with_roles(scale_file, settings, joined, datasets)
    settings = with_images(settings, papers, joined.named, datasets)
    incomplete = find_incomplete(papers, joined.named, settings)
    papers = without(papers, incomplete)
    around = (scale_file, settings, datasets, joined)
    _check({name: Paper(sources[name].file, body, files[name], *around) for name, body in papers.items()})
    noting = {name: (sources[name].file, body) for name, body in papers.items()}
    check_notes(Declared(scale_file, settings, datasets, noting), joined, root)
    switches = {key: chosen[key] for key in ("scale", "seed", "mask_place", "fold_batch_norm")}
    optional = {key: chosen[key] for key in ("seeds", "precision", "fast") if key in chosen}
    return Config(
        **switches,
        **optional,
        settings=settings,
        datasets=datasets,
        papers=papers,
        sources=sources,
        incomplete=incomplete,
    )


def _as_in_yaml(value: Any) -> Any:
    """``true`` and ``false`` of the command line, where Snakemake reads Python's spelling only."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _scale(root: Path, name: str) -> dict[str, Any]:
    scales = {path.stem: path for path in sorted((root / "config/scales").glob("*.yaml"))}
    if name not in scales:
        raise LacunaError(f"config/config.yaml or --config, key scale: '{name}'; allowed: {', '.join(scales)}")
    return read_scale(scales, name, root)


def _datasets(root: Path, settings: Mapping[str, Any], scale_file: str) -> Any:
    """The datasets with what the scale changes of their foregrounds; the result must be valid too."""
    datasets, changes = _checked(root / "config/datasets.yaml", "datasets", root), settings["foreground"]
    for name in changes:
        if name not in datasets:
            raise LacunaError(f"{scale_file}, key foreground: '{name}' is not known; allowed: {', '.join(datasets)}")
    changed = {name: {"foreground": {**datasets[name].get("foreground", {}), **changes[name]}} for name in changes}
    merged = {name: {**body, **changed.get(name, {})} for name, body in datasets.items()}
    check_schema(merged, "datasets", f"config/datasets.yaml with foreground of {scale_file}", root)
    limited = with_limits(merged)
    check_datasets("config/datasets.yaml", limited)
    return limited


def _check(papers: Mapping[str, Paper]) -> None:
    """Refuses what does not agree in the papers' files."""
    for paper in papers.values():
        check_shared(paper.file, paper.written)
    check_papers(papers)
    check_defenses(papers)
    for paper in papers.values():
        check_tables(paper)
        check_figures(paper, Models(paper.parts))
    check_radii(papers)
    check_fits(papers)


def _paper(root: Path, file: str) -> dict[str, Any]:
    """A paper's file with every kind of part, if only empty."""
    return {kind: {} for kind in DEFINED} | _checked(root / file, "paper", root)


def _checked(path: Path, schema: str, root: Path) -> Any:
    content = read_yaml(path, root)
    check_schema(content, schema, name_of(path, root), root)
    return content
