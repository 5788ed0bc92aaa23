"""Whether tables/, figures/, reports/, exports/ and crates/ hold what was published and no more, byte for byte."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lacuna.audit.problems import Problem, problem
from lacuna.errors import LacunaError
from lacuna.files.artefacts import sha256
from lacuna.files.publications import Copy, Publication, read_publication
from lacuna.plan import exported
from lacuna.plan.crates import KIND
from lacuna.plan.plan import Plan
from lacuna.plan.published import FOLDER, note_path

SHOWN = ("tables", "figures", "reports", exported.FOLDER, "crates")  # where a user looks
REPORT, REPORTS = "report", ["reports/audit.html", "reports/audit.json"]  # what the audit writes itself
WRITTEN = (REPORT, KIND, exported.KIND)  # kinds of what a job writes there, which is no copy of anything
AGAIN = "publish it again with `snakemake --force {}`, or remove it"


def report_note(scale: str) -> str:
    """The note of the audit's own files."""
    return note_path(scale, REPORT, "audit")


@dataclass
class PublishedFindings:
    """What is wrong with published files.

    ``of`` has the problems by the note of the exhibit that they concern, ``other`` those that concern no exhibit,
    ``vouched`` the sha256 of the originals of this scale that a note holds, and ``scales`` the scale that each
    published file is of.
    """

    of: dict[str, list[Problem]] = field(default_factory=dict)
    other: list[Problem] = field(default_factory=list)
    vouched: dict[str, str] = field(default_factory=dict)
    scales: dict[str, str] = field(default_factory=dict)

    def problems(self, note: str) -> list[Problem]:
        """What is wrong with the published files of an exhibit."""
        return self.of.get(note, [])

    def others(self, notes: Iterable[str]) -> list[Problem]:
        """What is wrong besides the exhibits of these notes."""
        known = set(notes)
        return [*self.other, *(one for note, wrong in self.of.items() if note not in known for one in wrong)]


def find_published(plan: Plan) -> PublishedFindings:
    """Compares what lies in the folders `SHOWN` with the notes of what was published, at any scale.

    Never is it the compared file that says with what it is compared.
    """
    found = PublishedFindings()
    planned = plan.published.copies() | plan.crates.copies() | exported.noted(plan.config.scale)
    planned |= {report_note(plan.config.scale): dict.fromkeys(REPORTS, "")}
    kept = _read_notes(planned, plan.config.scale, found)
    here = {path: _digest(path) for path in _files()}
    for group in _groups(kept).values():
        note, current = _current(group, here)
        wrong = [p for path, copy in current.copies.items() for p in _judge(path, copy, here.get(path, "missing"))]
        wrong += [] if wrong else _outdated(current)
        found.of.setdefault(_own(note, plan.config.scale), []).extend(wrong)
        found.scales |= {path: current.scale for path in current.copies if path in here}
    _name_strangers(here.keys() - found.scales.keys(), planned, found)
    mine = [one for one in kept.values() if one.scale == plan.config.scale]
    found.vouched = {copy.original: copy.sha256 for one in mine for copy in one.copies.values() if copy.original}
    return found


def _files() -> list[str]:
    """Everything in the folders but what jobs are writing there now; links and other things that are no files too."""
    places = [(at, name) for top in SHOWN for at, _, names in os.walk(top) for name in names]
    places += [(at, name) for top in SHOWN for at, names, _ in os.walk(top) for name in names if _is_link(at, name)]
    return sorted(f"{at}/{name}" for at, name in places if not (_is_by_others(at, name) or _is_writing(Path(at).name)))


def _is_link(at: str, name: str) -> bool:
    return Path(at, name).is_symlink()


def _is_by_others(at: str, name: str) -> bool:
    """What a job is writing, Snakemake's empty note of a folder's time, what Python compiled of an export's loader."""
    if name == ".snakemake_timestamp" and not _is_link(at, name):
        return not Path(at, name).stat().st_size
    return _is_writing(name) or (Path(at).name == "__pycache__" and name.endswith(".pyc"))


def _is_writing(name: str) -> bool:
    return name.startswith(".") and (".tmp" in name or name.endswith(".owner"))


def _digest(path: str) -> str:
    """sha256 of a file; a word for what is none."""
    try:
        return sha256(path) if Path(path).is_file() else "no file"
    except OSError:
        return "not readable"


# Notes -----------------------------------------------------------------------------------------------------


def _read_notes(
    planned: Mapping[str, Mapping[str, str]], scale: str, found: PublishedFindings
) -> dict[str, Publication]:
    """The notes of all scales that can be trusted. Names the others."""
    kept = {}
    for path in sorted(path.as_posix() for path in Path("results").glob(f"*/{FOLDER}/*.json")):
        if path.endswith(".prov.json"):
            continue
        try:
            kept[path] = _fitting(path, read_publication(path), planned, scale)
        except LacunaError as error:
            found.of.setdefault(_own(path, scale), []).append(problem("tampered", path, str(error)))
    return kept


def _fitting(path: str, said: Publication, planned: Mapping[str, Mapping[str, str]], scale: str) -> Publication:
    """The note, which must be of its place: of its scale and exhibit, and at this scale of the files of the plan."""
    kind = Path(path).name.split(".")[-2]
    of = Path(path).parts[1]
    if path != note_path(said.scale, kind, said.name):
        raise LacunaError(f"{path} is a note of {said.name} at scale {said.scale}, of which it has not the name")
    originals = {copy: one.original for copy, one in said.copies.items()}
    if of == scale and path not in planned:
        raise LacunaError(f"{path} is a note of {said.name}, which the configuration does not have; remove both")
    if of == scale and originals != planned[path]:
        raise LacunaError(f"{path} names other files than the configuration publishes; publish {said.name} again")
    if not all(name.startswith(f"results/{of}/") for name in originals.values() if kind not in WRITTEN):
        raise LacunaError(f"{path} names originals that are not of scale {of}; publish {said.name} again")
    return said


def _own(note: str, scale: str) -> str:
    """The note of the same exhibit at this scale."""
    return "/".join(("results", scale, *Path(note).parts[2:]))


def _groups(kept: Mapping[str, Publication]) -> dict[str, list[tuple[str, Publication]]]:
    """The notes by the exhibit that they are of, whose copies have the same names at every scale."""
    groups: dict[str, list[tuple[str, Publication]]] = {}
    for path, said in kept.items():
        groups.setdefault(Path(path).name, []).append((path, said))
    return groups


def _current(group: Sequence[tuple[str, Publication]], here: Mapping[str, str]) -> tuple[str, Publication]:
    """The publication that most of the files that lie here are of; the latest of several scales was copied last."""

    def fitting(one: tuple[str, Publication]) -> int:
        return sum(here.get(path) == copy.sha256 for path, copy in one[1].copies.items())

    return max(group, key=fitting)


# Files -----------------------------------------------------------------------------------------------------


def _judge(path: str, copy: Copy, digest: str) -> Iterable[Problem]:
    """What is wrong with a published file, and with what it is a copy of."""
    if digest == "missing":
        if path not in REPORTS:  # which are about to be written
            again = _target(path)
            yield problem("missing", path, f"{path} was published and is not here; `snakemake {again}` publishes it")
    elif digest != copy.sha256:
        what = f"its sha256 is not {copy.sha256[:16]}..." if len(digest) == 64 else f"it is {digest}"
        again = AGAIN.format(_target(path))
        mend = "the audit writes it again" if path in REPORTS else again
        yield problem("tampered", path, f"{path} is not what was published ({what}); {mend}")
    if not copy.original:
        return
    original = _digest(copy.original)
    if original == "no file" and not os.path.lexists(copy.original):
        yield problem("missing", copy.original, f"{copy.original} is not here, though {path} is a copy of it")
    elif original != copy.sha256:
        why = f"{path} differs from {copy.original}, which was made again, or edited, after the copy was published"
        yield problem("stale", path, why)


def _is_exported(path: str) -> bool:
    return path.startswith(f"{exported.FOLDER}/")


def _target(path: str) -> str:
    """What to ask Snakemake for: the folder of an exported network, else the file."""
    return str(Path(path).parent) if _is_exported(path) and Path(path).name in exported.NAMES else path


def _outdated(current: Publication) -> list[Problem]:
    """The problem of a crate of which something that it was made from is another file now."""
    changed = [path for path, stated in current.inputs.items() if _digest(path) not in (stated, "no file")]
    if not changed or any(copy.original for copy in current.copies.values()):
        return []
    path, why = next(iter(current.copies)), f"{changed[0]} changed after it was packed"
    return [
        problem("stale", path, f"{path} is not of what lies here: {why}; `snakemake --force {path}` packs it again")
    ]


def _name_strangers(paths: Iterable[str], planned: Mapping[str, Mapping[str, str]], found: PublishedFindings) -> None:
    """Names the files that no note has."""
    notes = {copy: note for note, copies in planned.items() for copy in copies}
    for path in sorted(paths):
        why = f"{path} is in no note of what was published; {AGAIN.format(_target(path))}"
        wrong = found.of.setdefault(notes[path], []) if path in notes else found.other
        wrong.append(problem("missing", path, why))
