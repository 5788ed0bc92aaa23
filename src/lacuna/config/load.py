"""Reads the configuration files, fills one object, and refuses whatever could not run. No torch here."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

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
from lacuna.errors import LacunaError
from lacuna.language.models import FLOAT32

DEEPEST, LARGEST = 60, 200_000  # levels and values of a YAML file; the largest here has 6 and some thousands
LONGEST = 100  # characters of a key, which may become part of a file's name
TEXT = 600  # characters of a value; the longest notes have some 300
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
        text = path.read_text(encoding="utf-8")
        _refuse_depth(name, text)
        loader = _Loader(text)
        loader.name = name
        content = loader.get_single_data()
    except OSError as error:
        raise LacunaError(f"{name} cannot be read ({error.strerror}); restore it with git checkout") from None
    except (yaml.YAMLError, ValueError, OverflowError, AttributeError, LookupError, TypeError) as error:  # !!bool x
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error).partition("\n")[0]
        raise LacunaError(f"{name}{where}: not valid YAML ({problem})") from None
    for problem in _strange(content):
        raise LacunaError(f"{name}: {problem}")
    return content


def _refuse_depth(name: str, text: str) -> None:
    """Before anything is built from it: the parser's recursion ends the process at some ten thousand levels."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise LacunaError(f"{name}: nested deeper than {DEEPEST} levels; allowed: at most {DEEPEST}")


def _strange(content: Any) -> Iterator[str]:
    """What JSON could not hold: keys that are no texts, dates, bytes, sets, and what contains itself."""
    left, met = [content], 0
    while left and met < LARGEST:
        value, met = left.pop(), met + 1
        if isinstance(value, dict):
            yield from filter(None, map(_strange_key, value))
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
        elif isinstance(value, str) and len(value) > TEXT:
            yield f"a text of {len(value)} characters that begins with {value[:40]!r}; allowed: at most {TEXT}"
        elif not isinstance(value, str | int | float | None):
            allowed = "texts (in quotes), numbers, true, false, null"
            yield f"{str(value)[:40]!r} is a {type(value).__name__}; allowed: {allowed}"
    if left:
        yield f"more than {LARGEST} values once every alias is followed; allowed: fewer"


def _strange_key(key: Any) -> str | None:
    if not isinstance(key, str):
        return f"key {key!r} is not a text; put it in quotes"
    if len(key) > LONGEST or not key.isprintable():
        return f"key {key[:40]!r} is too long or has control characters; allowed: at most {LONGEST} printable ones"
    return None


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
