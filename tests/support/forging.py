"""Damage to what was made: bits, bytes, records with and without a new seal."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lacuna.files.artefacts import provenance_path, sha256, text_digest
from lacuna.files.records import record_text

Change = Callable[[dict[str, Any]], object]


def flip(path: Path | str, draw: random.Random | None = None) -> None:
    """Changes one bit: in the middle, or anywhere."""
    content = bytearray(Path(path).read_bytes())
    place, bit = (draw.randrange(len(content)), draw.randrange(8)) if draw else (len(content) // 2, 0)
    content[place] ^= 1 << bit
    Path(path).write_bytes(content)


def edit_record(path: str, change: Change, seal: bool = False) -> None:
    """Edits the record of an artefact in place; with ``seal`` as a forger does who knows how records are sealed."""
    record = provenance_path(path)
    content = json.loads(record.read_text())
    change(content)
    sealed = record_text(content.get("stable", {}), content.get("volatile", {}))
    record.write_text(sealed if seal else json.dumps(content, indent=1, sort_keys=True) + "\n")


def forge(path: str, content: bytes) -> None:
    """Replaces an artefact, and its record by one that fits."""
    Path(path).write_bytes(content)
    edit_record(path, lambda record: record["stable"].update(sha256=sha256(path)), seal=True)


def age(path: str) -> None:
    """Makes the record of an artefact one of the older format, which had no seal, number or digests of records."""

    def older(record: dict[str, Any]) -> None:
        record.pop("seal")
        for key in ("format", "records"):
            record["stable"].pop(key)

    edit_record(path, older)


def resettle(record: dict[str, Any], **settings: Any) -> None:
    """Other settings in a record, with the digest that fits."""
    record["stable"]["settings"] |= settings
    text = json.dumps(record["stable"]["settings"], sort_keys=True, separators=(",", ":"))
    record["stable"]["settings_digest"] = text_digest(text)
