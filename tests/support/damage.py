"""Damage to a made-up run, at random and of every kind, and whether an audit notices it."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forging import edit_record, flip, forge

from lacuna.audit.gather import gather
from lacuna.files.artefacts import provenance_path
from lacuna.plan.plan import Plan

Damage = Callable[[random.Random], list[str]]  # damages files and gives the paths of what it changed
FOLDERS = ("results", "tables", "figures")


def files(ending: str = "", folders: tuple[str, ...] = FOLDERS) -> list[str]:
    """Everything that was made, by path."""
    found = (path.as_posix() for folder in folders for path in Path(folder).rglob("*") if path.is_file())
    return sorted(path for path in found if path.endswith(ending))


@contextmanager
def restored() -> Iterator[None]:
    """Puts every file back at the end."""
    before = {path: Path(path).read_bytes() for path in files()}
    try:
        yield
    finally:
        for path in set(files()) - before.keys():
            Path(path).unlink()
        for path, content in before.items():
            if not Path(path).is_file() or Path(path).read_bytes() != content:
                Path(path).write_bytes(content)


def a_bit_flipped(draw: random.Random) -> list[str]:
    """One bit of any file."""
    path = draw.choice(files())
    flip(path, draw)
    return [path]


def a_file_cut(draw: random.Random) -> list[str]:
    """Any file, shorter by at least a byte."""
    path = draw.choice(files())
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: draw.randrange(len(content))])
    return [path]


def a_file_deleted(draw: random.Random) -> list[str]:
    """Any file."""
    path = draw.choice(files())
    Path(path).unlink()
    return [path]


def two_files_swapped(draw: random.Random) -> list[str]:
    """Two files whose bytes differ, of one kind where there is another one of it."""
    path = draw.choice(files())
    others = [one for one in files() if Path(one).read_bytes() != Path(path).read_bytes()]
    other = draw.choice([one for one in others if Path(one).suffix == Path(path).suffix] or others)
    first, second = Path(path).read_bytes(), Path(other).read_bytes()
    Path(path).write_bytes(second)
    Path(other).write_bytes(first)
    return [path, other]


def _changed(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value[:-1]}{'0' if value[-1:] != '0' else '1'}"
    return {} if value else {"more": 1}


def _edit(content: dict[str, Any], part: str, draw: random.Random) -> None:
    """Changes, removes or adds one field of a part of a record, at the top or one level below."""
    inside = content[part]
    nested = [value for _, value in sorted(inside.items()) if isinstance(value, dict) and value]
    target = draw.choice(nested) if nested and draw.random() < 0.5 else inside
    what, name = draw.choice(("change", "remove", "add")), draw.choice(sorted(target))
    if what == "add":
        target["extra"] = 1
    elif what == "remove":
        del target[name]
    else:
        target[name] = _changed(target[name])


def _records() -> list[str]:
    return [path.removesuffix(".prov.json") for path in files(".prov.json")]


def a_record_edited(draw: random.Random) -> list[str]:
    """Any field of any record, or its whole volatile part."""
    path = draw.choice(_records())
    if draw.random() < 0.1:
        edit_record(path, lambda record: record.pop("volatile"))
    else:
        edit_record(path, lambda record: _edit(record, draw.choice(("stable", "volatile")), draw))
    return [str(provenance_path(path))]


def a_record_edited_and_sealed(draw: random.Random) -> list[str]:
    """A field of the stable part of a record that something was made from, by one who seals it again."""
    inputs = {name for path in _records() for name in json.loads(provenance_path(path).read_text())["stable"]["inputs"]}
    path = draw.choice(sorted(inputs & set(_records())))
    edit_record(path, lambda record: _edit(record, "stable", draw), seal=True)
    return [str(provenance_path(path))]


def outcomes_forged(draw: random.Random) -> list[str]:
    """Other bytes of outcomes or of something before them, with a record that fits them, by one who seals it again."""
    path = draw.choice([one for one in _records() if not {"cells", "claims", "published"} & set(Path(one).parts)])
    forge(path, draw.randbytes(1000))
    return [path]


def a_copy_forged(draw: random.Random) -> list[str]:
    """A published file, where the original, or the note of the publication, is gone too."""
    path = draw.choice(files(folders=("tables", "figures")))
    Path(path).write_bytes(Path(path).read_bytes().replace(b"1", b"7"))
    note = next(one for one in files(".json") if "published" in one and path.encode() in Path(one).read_bytes())
    original = json.loads(Path(note).read_text())["copies"][path]["original"]
    for gone in draw.choice(([original], [note], [f"{note}.prov.json"], [original, note, f"{note}.prov.json"])):
        Path(gone).unlink()
    return [path]


KINDS: dict[str, Damage] = {
    "a bit flipped": a_bit_flipped,
    "a file cut": a_file_cut,
    "a file deleted": a_file_deleted,
    "two files swapped": two_files_swapped,
    "a record edited": a_record_edited,
    "a record edited and sealed again": a_record_edited_and_sealed,
    "a file forged with its record": outcomes_forged,
    "a published file forged, its original or note deleted": a_copy_forged,
}


def missed(plan: Plan, damage: Damage, trials: int, seed: int = 0) -> list[str]:
    """Does so much damage, one at a time; the paths of what an audit found well all the same."""
    draw, unnoticed = random.Random(seed), []
    for _ in range(trials):
        with restored():
            changed = damage(draw)
            if gather(plan)["summary"]["well"]:
                unnoticed.append(", ".join(changed))
    return unnoticed
