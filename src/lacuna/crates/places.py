"""Where DVC has files that are too large to be packed: the default remote of the checkout, by md5."""

import configparser
import re
from pathlib import Path

from lacuna.files.artefacts import provenance_path
from lacuna.versioning.anchors import Anchors, md5

CONFIG = Path(".dvc/config")  # the one that git keeps; keys and user names stand in another


def remote_address(config: Path = CONFIG) -> str:
    """The address of the default remote, without a user's name; empty where none can be read."""
    parser = configparser.ConfigParser()
    try:
        parser.read(config, encoding="utf-8")
        name = parser.get("core", "remote")
        address = parser.get(f"'remote \"{name}\"'", "url")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return ""
    return re.sub(r"//[^/@]*@", "//", address).rstrip("/")


def place_of(path: str, anchors: Anchors, remote: str) -> str:
    """Where DVC has a file, empty where it is not tracked, or where another version of it is."""
    record = str(provenance_path(path))
    known, held = anchors.known.get(path), anchors.known.get(record)
    if not known or not held or not known.md5 or not Path(record).is_file() or md5(record) != held.md5:
        return ""
    return f"{remote or 'its remote'}/files/md5/{known.md5[:2]}/{known.md5[2:]}"
