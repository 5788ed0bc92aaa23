"""Entities of a crate by their ids: files that are in it, files that are only named, and everything else."""

import base64
import mimetypes
from collections.abc import Callable, Mapping
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from lacuna.crates.check import digest
from lacuna.crates.members import SOURCE, Members, name_of
from lacuna.files.records import RecordContent

Entity = Mapping[str, Any]
FORMATS = {".md": "text/markdown", ".smk": "text/x-python", ".yaml": "application/yaml", ".tex": "application/x-tex"}
LICENCE = f"{SOURCE}/LICENSE"
NAMED = "This file is not in the crate; its record has its sha256{}."


def reference(one: str) -> dict[str, str]:
    """A reference to an entity."""
    return {"@id": one}


class Entities:
    """The entities of one crate. ``large`` says where DVC has a file, empty where it is not known."""

    def __init__(
        self,
        crate: ROCrate,
        members: Members,
        records: Mapping[str, RecordContent],
        large: Callable[[str], str],
    ) -> None:
        self.crate, self.members, self.records, self.large = crate, members, records, large
        self._known: dict[str, dict[str, Any]] = {}

    def add(self, entity: Entity) -> str:
        """Adds an entity, or adds to the one of its id; gives the id."""
        self._known.setdefault(entity["@id"], {}).update(entity)
        return str(entity["@id"])

    def update(self, one: str, more: Entity) -> None:
        """More properties of an entity."""
        self._known[one].update(more)

    def append(self, one: str, key: str, value: Any) -> None:
        """One more value of a property."""
        self._known[one][key].append(value)

    def file(self, name: str, more: Entity | None = None) -> str:
        """A member of the crate."""
        if name not in self._known:
            content = self.members[name]
            ending = f".{name.rsplit('.', 1)[-1]}"
            kind = FORMATS.get(ending) or mimetypes.guess_type(name)[0] or "text/plain"
            size = {"contentSize": str(len(content)), "encodingFormat": kind, "sha256": digest(content)}
            self.add({"@id": name, "@type": "File", "name": name, **size})
        self.update(name, more or {})
        return name

    def of(self, path: str, reader: RecordContent | None) -> str:
        """The entity of a file of the checkout: a member where it is packed, else only named.

        ``reader`` is the record of what was made from it, which has the digest of a file without a record.
        """
        for name in (name_of(path), f"{SOURCE}/{path}"):
            if name in self.members:
                return self.file(name)
        record = self.records.get(path)
        stated = record.stable["sha256"] if record else (reader.stable["inputs"] if reader else {}).get(path, "")
        return self._named(path, str(stated))

    def _named(self, path: str, stated: str) -> str:
        """A file that is not in the crate, by its digest (RFC 6920) and its path."""
        short = base64.urlsafe_b64encode(bytes.fromhex(stated)).decode().rstrip("=") if stated else "unknown"
        name, place = f"ni:///sha-256;{short}?path={path}", self.large(path)
        said = NAMED.format(f", and DVC has it at {place}" if place else "; nobody tracked it with DVC")
        entity = {"@id": name, "@type": "File", "name": path, "description": said, "sha256": stated}
        kind = "application/octet-stream" if path.endswith(".safetensors") else mimetypes.guess_type(path)[0]
        size = {"encodingFormat": kind or "application/octet-stream"}
        where = {"contentUrl": place} if place else {}
        self.add({**entity, **size, **where})
        return name

    def licence(self) -> str:
        """The licence of Lacuna and of what is packed."""
        return self.file(
            LICENCE,
            {
                "@type": ["File", "CreativeWork"],
                "name": "MIT License",
                "description": "The licence of Lacuna, its numbers and its figures; datasets keep their own.",
            },
        )

    def finish(self) -> None:
        """Hands everything to the crate. Files are parts of its root."""
        for name, properties in self._known.items():
            plain = {key: _single(value) for key, value in properties.items() if key != "@id" and value not in ([], "")}
            entity = self.crate.add(ContextEntity(self.crate, name, properties=plain))
            kinds = properties["@type"]
            if "File" in (kinds if isinstance(kinds, list) else [kinds]):
                self.crate.root_dataset.append_to("hasPart", entity)


def _single(value: Any) -> Any:
    """A list of one is that one, as the specification recommends."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value
