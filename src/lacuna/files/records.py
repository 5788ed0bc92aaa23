"""The text of a record (``<file>.prov.json``): how it seals itself, and how it is read with suspicion.

A record of format 2 stands in the one way in which `record_text` writes it, and holds the sha256 of all that it says.
Its stable part holds the digests of its inputs' stable parts, so that the digest of one fixes all behind it. Records
of before, the older format, have no such digests and no seal.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lacuna.errors import LacunaError, TamperedError

FORMAT, OLDER = 2, 1  # of records that are written now, and of those without a number
DEEPEST = 40  # mappings and lists inside each other; settings have about ten
LONGEST = 64_000_000  # bytes of a record that is read; the longest of the paper scale has about a million
TEXTS = ("artefact", "stage", "settings_digest", "sha256")
MAPPINGS = ("inputs", "versions", "facts")
BROKEN = "was changed since it was written: its seal does not fit what it says"


@dataclass(frozen=True)
class RecordContent:
    """What a record says. ``stable`` is the same in equal runs, ``volatile`` need not be."""

    stable: Mapping[str, Any]
    volatile: Mapping[str, Any]

    @property
    def format(self) -> int:
        """`FORMAT`, or `OLDER` where the record has no number."""
        return OLDER if "format" not in self.stable else FORMAT

    @property
    def digest(self) -> str:
        """Hexadecimal sha256 of the stable part; a cell's ``provenance`` column holds its first 16 digits."""
        return _digest(dict(self.stable))


def record_text(stable: Mapping[str, Any], volatile: Mapping[str, Any]) -> str:
    """The one text of a record that says this, and its seal."""
    content = json.loads(json.dumps({"stable": stable, "volatile": volatile}))  # as it is going to be read
    return _text({**content, "seal": _digest(content)})


def parse_record(path: Path) -> RecordContent:
    """What the record at a path says.

    Raises `TamperedError` where it is no record, or was changed after it was written, `LacunaError` where it cannot
    be read.
    """
    text = _read(path)
    try:
        content = json.loads(text)
        found = RecordContent(_mapping(content["stable"]), _mapping(content["volatile"]))
        sealed = found.format == OLDER or text == record_text(found.stable, found.volatile)
    except (KeyError, TypeError, ValueError, RecursionError):
        raise TamperedError(f"{path} is not readable; delete it with its file and run again") from None
    if strange := _strange(found):
        raise TamperedError(f"{path} is no record, since {strange}; delete it with its file and run again")
    if not sealed:
        raise TamperedError(f"{path} {BROKEN}; delete it with its file and run again")
    return found


def _read(path: Path) -> str:
    """The text of a plain file of bearable size: what else lies there is never opened."""
    try:
        if not path.is_file() or path.stat().st_size > LONGEST:
            raise TamperedError(f"{path} is not a file of at most {LONGEST} bytes; delete it and run again")
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        raise TamperedError(f"{path} is not readable; delete it with its file and run again") from None
    except OSError as error:
        raise LacunaError(f"{path} cannot be read ({error.strerror})") from None


def _strange(found: RecordContent) -> str:
    """What of a record is of another kind than it must be; empty where nothing is."""
    stable, volatile = found.stable, found.volatile
    if _is_deep([stable, volatile]):
        return f"it is nested deeper than {DEEPEST}"
    later = ("records",) if found.format == FORMAT else ()
    if wrong := [name for name in TEXTS if not isinstance(stable.get(name), str)]:
        return f"'{wrong[0]}' is no text"
    if wrong := [name for name in (*MAPPINGS, *later) if not isinstance(stable.get(name), dict)]:
        return f"'{wrong[0]}' is no mapping"
    digests = [part.items() for part in (stable["inputs"], stable.get("records", {}), _code(volatile))]
    if wrong := [name for items in digests for name, digest in items if not isinstance(digest, str)]:
        return f"the digest of '{wrong[0]}' is no text"
    if found.format == OLDER and "records" in stable:
        return "it holds digests of records and says that it is of the older format"
    number = stable.get("format", FORMAT)
    return "" if number == FORMAT and type(number) is int else f"its format is {number!r:.20}, not {FORMAT}"


def _is_deep(level: list[Any]) -> bool:
    for _ in range(DEEPEST):
        inside = (part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list))
        level = [value for part in inside for value in part]
    return bool(level)


def _code(volatile: Mapping[str, Any]) -> dict[str, Any]:
    code = volatile.get("code", {})
    return code if isinstance(code, dict) else {"code": None}


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
