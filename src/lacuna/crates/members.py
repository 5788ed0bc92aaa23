"""The files of a crate by their names in it: exhibits, numbers, records, the workflow, the checker; no images."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from lacuna.crates import check
from lacuna.crates.behind import Behind
from lacuna.files.artefacts import provenance_path, sha256
from lacuna.files.contents import REPEATED
from lacuna.files.escapes import csv_text
from lacuna.plan.plan import Plan
from lacuna.plan.published import COPIES, Kind

Members = dict[str, bytes]
FILES, RECORDS, SOURCE = "files", "records", "source"  # folders of a crate
CHECKER = "check.py"
FOLDERS = ("config", "rules", "workflow", "src/lacuna", "profiles", "data/printed", "docs/papers")
ALONE = (
    *("Snakefile", "Makefile", "pyproject.toml", "LICENSE", "CITATION.cff", "README.md"),
    *("envs/requirements.txt", "envs/environment.yaml", "data/registry.csv", "data/embedded/LICENSE-fashion-mnist"),
    *(
        "docs/claims.md",
        "docs/trace.md",
        "docs/differences.md",
        "docs/differences-dual.md",
        "docs/differences-advdrop.md",
    ),
)


def name_of(path: str) -> str:
    """The name in a crate of an artefact that is packed: a table of outcomes becomes CSV."""
    return f"{FILES}/{path}.csv" if path.endswith(".parquet") else f"{FILES}/{path}"


def is_packed(path: str) -> bool:
    """Whether an artefact is packed: tables of numbers are, tensors are not."""
    return path.endswith((".csv", ".parquet")) and Path(path).is_file()


def exhibits(plan: Plan, tables: Iterable[str], figures: Iterable[str], claimed: Iterable[str]) -> Members:
    """Tables, figures and claims in all their forms, under the names with which they are published."""
    return {
        copy: Path(original).read_bytes()
        for kind, names in (("table", tables), ("figure", figures), ("claims", claimed))
        for name in names
        for copy, original in _copies(plan, kind, name)  # type: ignore[arg-type]
    }


def _copies(plan: Plan, kind: Kind, name: str) -> Iterator[tuple[str, str]]:
    originals = getattr(plan.published, kind)(name)
    return zip((copy.format(name) for copy in COPIES[kind]), originals, strict=True)


def numbers(behind: Behind) -> Members:
    """Cells, outcomes, measures, selections and histories as CSV, and the record of every file."""
    packed = [one.path for one in behind.artefacts if one.path in behind.records and is_packed(one.path)]
    records = {f"{RECORDS}/{path}.prov.json": provenance_path(path).read_bytes() for path in behind.records}
    return {name_of(path): _as_csv(path) for path in packed} | records


def _as_csv(path: str) -> bytes:
    """A file of numbers as CSV. Floats of 32 bits are written as the decimals that give them again as 64 bits.

    All answers of a target that draws stand in one column, separated by spaces.
    """
    if path.endswith(".csv"):
        return Path(path).read_bytes()
    frame = pd.read_parquet(path)
    single = {name: "float64" for name, kind in frame.dtypes.items() if kind == "float32"}
    texts = {name: frame[name].map(lambda row: " ".join(map(str, row))) for name in REPEATED.values() if name in frame}
    return csv_text(frame.astype(single).assign(**texts)).encode()


def workflow(behind: Behind) -> Members:
    """The workflow with its configuration and its locked environment, and code of the user's own that records name."""
    code = {
        name: digest
        for record in behind.records.values()
        for name, digest in record.volatile.get("code", {}).items()
        if not name.startswith(("/", ".."))
    }
    own = [name for name, digest in code.items() if Path(name).is_file() and sha256(name) == digest]
    below = [path.as_posix() for folder in FOLDERS for path in Path(folder).rglob("*") if _is_source(path)]
    paths = sorted({*own, *below, *(name for name in ALONE if Path(name).is_file())})
    return {f"{SOURCE}/{path}": Path(path).read_bytes() for path in paths}


def _is_source(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and not {"__pycache__", ".mypy_cache"} & {*path.parts}


def checker() -> Members:
    """The checker, as it lies in this package."""
    return {CHECKER: Path(check.__file__).read_bytes()}
