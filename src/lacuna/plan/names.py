"""Names of what can be asked for: files of tables and figures, and what a mistyped name may mean. No torch here."""

import os.path
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from lacuna.config.sources import files_of as sources_of
from lacuna.errors import LacunaError
from lacuna.plan.crates import files_of
from lacuna.plan.exported import FOLDER as EXPORTS
from lacuna.plan.exported import refuse_unknown_export
from lacuna.plan.plan import Plan

CLOSE = 0.78  # so that the folder and the ending alone are not close
CLOSE_NAME = 0.8  # of a name without folder, which may be a rule's
FOLDERS = ("tables/", "figures/", "crates/")
FOLDER_NAMES = [folder[:-1] for folder in FOLDERS]
CLOSE_FOLDER = 0.75  # results and reports are not close to tables
COLLECTIONS = {"all", "tables", "figures", "data", "models", "adversarial"}  # targets that stand for every exhibit
ENDINGS = {"tables": (".csv", ".md", ".tex", ".cells.csv"), "figures": (".svg", ".png")}
OF_CLAIMS = (".csv", ".md", ".comparisons.csv")
RULES = re.compile(r"(?:train|code|publish)_\w+|audit|metrics\w*|planned")  # besides the stages and collections


def exhibits(plan: Plan) -> dict[str, list[str]]:
    """The names of all tables and figures, by the folder of their files."""
    return {"tables": [*plan.lookup.tables], "figures": [*plan.lookup.figures]}


def published_files(plan: Plan) -> list[str]:
    """Every file below tables/, figures/ and crates/ that can be asked for."""
    made = [f"{kind}/{name}{end}" for kind, names in exhibits(plan).items() for name in names for end in ENDINGS[kind]]
    made += [f"tables/{paper}-claims{end}" for paper in plan.lookup.claimed for end in OF_CLAIMS]
    return made + [file for name in plan.crates.parts for file in files_of(plan.crates.path(name))]


def refuse_unknown(plan: Plan, arguments: Iterable[str]) -> None:
    """Raises `LacunaError` for the first argument that means a table or figure and is none, with the nearest ones.

    Snakemake itself only says that it has no rule, and blames input functions. What may be a rule, or a file that lies
    here, passes.
    """
    made = published_files(plan)
    for argument in arguments:
        if argument.startswith(f"{EXPORTS}/"):
            refuse_unknown_export(plan, argument)
        elif argument not in made and _means_exhibit(plan, argument, made):
            close = meant(plan, argument)
            hint = f" (did you mean {' or '.join(filter(None, [', '.join(close[:-1]), close[-1]]))}?)" if close else ""
            files = sources_of(plan.config.sources)
            raise LacunaError(f"{argument} is not made here{hint}; all names of exhibits are in {files}")


def meant(plan: Plan, argument: str) -> list[str]:
    """What an argument that is no file of an exhibit may have meant, the likely ones first; empty where nothing is.

    It may be a path from elsewhere, a folder, or a name with a wrong folder, ending, paper or letter.
    """
    made, text = published_files(plan), _normal(argument)
    if text in made or text in COLLECTIONS:
        return [text]
    if text.startswith("crates/"):
        return get_close_matches(text, made, 1, CLOSE)
    folder, _, file = text.rpartition("/")
    stem, point, ending = file.partition(".")
    names = {kind: names for kind, names in exhibits(plan).items() if folder in ("", kind)} or exhibits(plan)
    low = stem.lower()
    every = [(kind, name) for kind in names for name in names[kind]]
    fitting = [one for one in every if one[1] == low] or [one for one in every if one[1].endswith(f"-{low}")]
    if fitting:
        return [_file(kind, name, point + ending) for kind, name in fitting]
    if close := get_close_matches(text, made, 1, CLOSE):
        return close
    near = get_close_matches(low, [name for _, name in every], 1, CLOSE_NAME)
    return [_file(kind, name, point + ending) for kind, name in every if name in near]


def named_exhibit(plan: Plan, argument: str) -> str:
    """The exhibit that a name or a file of it names. Raises `LacunaError` for another, with the nearest ones."""
    every = {name for names in exhibits(plan).values() for name in names}
    stem = _normal(argument).rpartition("/")[2].partition(".")[0]
    if argument in every or (_normal(argument) in published_files(plan) and stem in every):
        return stem
    close = [file.partition("/")[2].partition(".")[0] for file in meant(plan, argument) if "/" in file]
    hint = f" (did you mean {' or '.join(dict.fromkeys(close))}?)" if close else ""
    raise LacunaError(f"{argument} is no table or figure{hint}; `python -m lacuna` lists them")


def _file(kind: str, name: str, ending: str) -> str:
    return f"{kind}/{name}{ending if ending in ENDINGS[kind] else ENDINGS[kind][0]}"


def _normal(argument: str) -> str:
    """A path as it is from here: neither absolute nor with dots or a slash at its end."""
    path = os.path.normpath(argument)
    return os.path.relpath(path) if os.path.isabs(path) and Path(path).is_relative_to(Path.cwd()) else path


def _means_exhibit(plan: Plan, argument: str, made: list[str]) -> bool:
    """Whether an argument that is no file of an exhibit names one all the same."""
    text = _normal(argument)
    if text != argument and text in {*made, *FOLDER_NAMES}:
        return True  # written in another way, which Snakemake takes for another file
    if argument.startswith(FOLDERS):
        return not Path(argument).exists()
    folder, slash, _ = text.partition("/")
    if slash and not Path(folder).exists():
        return bool(get_close_matches(folder, FOLDER_NAMES, 1, CLOSE_FOLDER))
    if slash or argument in COLLECTIONS | plan.stages.keys() or RULES.fullmatch(argument):
        return False
    return bool(meant(plan, argument)) and not Path(argument).is_file()
