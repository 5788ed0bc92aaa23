"""The digests that git holds of files below results/: the ``.dvc`` file beside each, as it was committed."""

import hashlib
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from lacuna.errors import LacunaError
from lacuna.files.artefacts import find_files

ENDING = ".dvc"
LONGEST = 100_000  # bytes of a .dvc file; DVC writes about a hundred
MEND = "make it again and track it, or `git checkout` and `dvc checkout` what git holds"


class ReplacedError(LacunaError):
    """A file is not the version that git holds a digest of."""


@dataclass(frozen=True)
class Anchor:
    """What a ``.dvc`` file says of the file beside it; ``md5`` is empty where it says nothing that can be compared."""

    md5: str
    committed: bool


@dataclass(frozen=True)
class Anchors:
    """What is tracked below a folder, by path; ``edited`` are ``.dvc`` files that are not as they were committed."""

    known: Mapping[str, Anchor] = field(default_factory=dict)
    edited: frozenset[str] = frozenset()

    def committed(self, path: str) -> bool:
        """Whether a commit holds the digest of a file."""
        return path in self.known and self.known[path].committed

    def refuse_others(self, path: str) -> None:
        """Raises `ReplacedError` where a file, or the ``.dvc`` file beside it, is not what git holds.

        Files that are not tracked, and tracked files that are not here, pass.
        """
        anchor = self.known.get(path)
        if anchor is None or not Path(path).is_file():
            return
        if f"{path}{ENDING}" in self.edited:
            raise ReplacedError(f"{path}{ENDING} is not the one that git holds; commit it, or `git checkout` it")
        if not anchor.md5:
            raise ReplacedError(f"{path}{ENDING} holds no md5 of one file; track {path} again")
        if md5(path) != anchor.md5:
            whose = "git holds" if anchor.committed else f"{path}{ENDING} names, which is not committed"
            raise ReplacedError(
                f"{path} is not the version that {whose} (its md5 is not {anchor.md5[:16]}...): it was made again, or "
                f"forged, since it was tracked; {MEND}"
            )


def md5(path: str) -> str:
    """Hexadecimal md5 of a file, which is what DVC names its files by."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def read_anchors(folder: str) -> Anchors:
    """The anchors below a folder of the working directory: those of git's HEAD, and of files that it does not have."""
    held = _committed(folder)
    here = {str(path): _bytes(path) for path in find_files(Path(folder), ENDING)}
    known = {name: Anchor(md5_in(text), name in held) for name, text in (here | held).items()}
    edited = frozenset(name for name, text in here.items() if name in held and held[name] != text)
    return Anchors({name.removesuffix(ENDING): anchor for name, anchor in known.items()}, edited)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()[:LONGEST] if path.is_file() else b""
    except OSError:
        return b""


def md5_in(text: bytes) -> str:
    """The md5 that a ``.dvc`` file holds; empty where it is not of one file."""
    try:
        [out] = yaml.safe_load(text.decode())["outs"]
        return str(out["md5"]) if out.get("hash", "md5") == "md5" else ""
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, yaml.YAMLError):
        return ""


def _committed(folder: str) -> dict[str, bytes]:
    """The ``.dvc`` files of git's HEAD below a folder; none where there is no git."""
    listed = _git(["ls-tree", "-r", "-z", "HEAD", "--", f"{folder}/"]).split(b"\0")
    entries = [line.partition(b"\t") for line in listed if line.endswith(ENDING.encode())]
    objects = [about.split()[2] for about, _, _ in entries]
    names = [name.decode(errors="surrogateescape") for _, _, name in entries]
    return dict(zip(names, _contents(objects), strict=True))


def _contents(objects: Iterable[bytes]) -> list[bytes]:
    """What git stores under these names, in one call."""
    said, found, place = _git(["cat-file", "--batch"], b"".join(name + b"\n" for name in objects)), [], 0
    while place < len(said):
        end = said.index(b"\n", place)
        size = int(said[place:end].split()[2])
        found.append(said[end + 1 : end + 1 + size])
        place = end + 2 + size
    return found


def _git(arguments: list[str], given: bytes = b"") -> bytes:
    """What git says; nothing where it is not there or refuses."""
    try:
        return subprocess.run(["git", *arguments], input=given, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return b""
