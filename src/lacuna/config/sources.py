"""Which papers there are, and where the files of each lie: those of config/papers, and those of the user's own.

A file of config/papers has its claims in config/claims and its printed numbers in data/printed, each under the paper's
name. A paper that ``papers`` of config/config.yaml names lies anywhere; both stand beside it: ``<name>.claims.yaml``
and ``<name>.printed.csv``. Claims and printed numbers may be absent. No torch here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lacuna.config.yaml_files import name_of
from lacuna.errors import LacunaError

NAME = "[a-z][a-z0-9-]*"  # of a paper, which is also its file's
NAMED = "config/config.yaml or --config, key papers"
NOTHING_PRINTED = "data/printed/none.csv"  # of papers without printed numbers: the columns, and no line
CLAIMS, PRINTED = ".claims.yaml", ".printed.csv"  # how files beside a paper's end


@dataclass(frozen=True)
class Source:
    """Where a paper's files lie, relative to the checkout where they lie in it; ``claims`` is empty without any."""

    file: str
    claims: str = ""
    printed: str = NOTHING_PRINTED

    @property
    def prints(self) -> bool:
        """Whether there are printed numbers."""
        return self.printed != NOTHING_PRINTED


def find_papers(root: Path, named: str | Sequence[str] = ()) -> dict[str, Source]:
    """Every paper by its name: those of config/papers in alphabetical order, then the ``named`` files.

    Raises `LacunaError` for a name that no paper can have or that two have, and for a file that is not there.
    """
    found = {path.stem: _of_the_checkout(root, path.stem) for path in sorted((root / "config/papers").glob("*.yaml"))}
    for name, source in _own(root, [named] if isinstance(named, str) else named):
        if (other := found.setdefault(name, source)) != source:
            raise LacunaError(f"{NAMED}: {source.file} has the name of {other.file}; allowed: another name")
    for name, source in found.items():
        if not re.fullmatch(NAME, name):
            allowed = "lower-case letters, digits and -, a letter first"
            raise LacunaError(f"{source.file}: '{name}' is no name of a paper; allowed: {allowed}")
    return found


def _of_the_checkout(root: Path, name: str) -> Source:
    claims, printed = f"config/claims/{name}.yaml", f"data/printed/{name}.csv"
    return _existing(root, Source(f"config/papers/{name}.yaml", claims, printed))


def _own(root: Path, named: Sequence[str]) -> Iterator[tuple[str, Source]]:
    """The papers that are named; a file of config/papers among them is known already."""
    for path in (root / Path(text).expanduser() for text in named):
        if not path.is_file() or path.suffix != ".yaml":
            raise LacunaError(f"{NAMED}: {name_of(path, root)} is no file <name>.yaml; allowed: the file of a paper")
        name, file = path.stem, name_of(path, root)
        if path.parent.resolve() == (root / "config/papers").resolve():
            yield name, _of_the_checkout(root, name)
        else:
            beside = file.removesuffix(".yaml")
            yield name, _existing(root, Source(file, f"{beside}{CLAIMS}", f"{beside}{PRINTED}"))


def _existing(root: Path, source: Source) -> Source:
    """The source without the files that do not exist."""
    claims = source.claims if (root / source.claims).is_file() else ""
    return Source(source.file, claims, source.printed if (root / source.printed).is_file() else NOTHING_PRINTED)


def files_of(sources: Mapping[str, Source]) -> str:
    """Where all papers stand, for a sentence."""
    own = [source.file for source in sources.values() if not source.file.startswith("config/papers/")]
    return ", ".join(["config/papers/*.yaml", *own])
