"""Writes a crate: the same members give the same bytes, and its root digest stands beside it."""

import os
import zipfile
from collections.abc import Mapping

from lacuna.crates.check import LISTED, digest
from lacuna.files.artefacts import atomic_path, sha256, write_text

TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold
FIRST = ("ro-crate-metadata.json", "certificate.html", "check.py", LISTED)  # for whoever lists the archive


def pack(members: Mapping[str, bytes], path: str, root: str) -> str:
    """Writes the zip, and beside it its sha256 in the form of ``sha256sum``, which is given back."""
    listed = {**members, LISTED: digests(members)}
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted(listed, key=lambda one: (FIRST.index(one) if one in FIRST else len(FIRST), one)):
            archive.writestr(_info(name), listed[name], zipfile.ZIP_DEFLATED, 9)
    found = sha256(path)
    write_text(root, f"{found}  {os.path.basename(path)}\n")
    return found


def digests(members: Mapping[str, bytes]) -> bytes:
    """One line per member: its sha256, two spaces, its name."""
    return "".join(f"{digest(content)}  {name}\n" for name, content in sorted(members.items())).encode()


def _info(name: str) -> zipfile.ZipInfo:
    """A member's header, in which nothing is of this machine or this moment."""
    info = zipfile.ZipInfo(name, TIME)
    info.create_system, info.external_attr = 3, 0o644 << 16
    return info
