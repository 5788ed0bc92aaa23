"""What the repository has: files, names of its code, keys and names of its configuration, targets."""

import ast
import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from lacuna.config.schema import whole_schema
from lacuna.errors import LacunaError
from lacuna.language.models import parse_model

PLACEHOLDERS = re.compile(r"<[^<>]*>|\{[a-z_]*\}|\*+")
TOKENS = re.compile(r"[A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*")


class Existing:
    """The repository in a folder; everything is read from its files, but for what completes the schemas."""

    def __init__(self, root: Path) -> None:
        self.root = root

    # Files ------------------------------------------------------------------------------------------------------

    def has(self, path: str, *bases: str) -> bool:
        """Whether a path exists below the repository or one of these folders; a placeholder stands for any name."""
        pattern = PLACEHOLDERS.sub("*", path).strip("/")
        return any(self._found(base, choice) for base in ("", *bases) for choice in alternatives(pattern))

    def _found(self, base: str, pattern: str) -> bool:
        folder = self.root / base
        return next(folder.glob(pattern), None) is not None if "*" in pattern else (folder / pattern).exists()

    def texts(self, *patterns: str) -> Iterator[tuple[str, str]]:
        """Name and text of the files that match."""
        for pattern in patterns:
            for path in sorted(self.root.glob(pattern)):
                yield path.relative_to(self.root).as_posix(), path.read_text()

    @cached_property
    def top(self) -> set[str]:
        """Folders of the repository, and what runs make beside them."""
        here = {path.name for path in self.root.iterdir() if path.is_dir() and not path.name.startswith(".")}
        return here | {"results", "tables", "figures", "reports", "exports", "crates", "logs"}

    # Code -------------------------------------------------------------------------------------------------------

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """Parsed Python files, by path."""
        python = self.texts("src/lacuna/**/*.py", "workflow/scripts/*.py", "slurm/bin/*.py", "benchmarks/*.py")
        return {name: ast.parse(text) for name, text in python}

    @cached_property
    def names(self) -> set[str]:
        """Modules and packages, and what they define: functions, classes, constants, methods, attributes."""
        modules = {part for name in self.trees for part in Path(name).with_suffix("").parts[2:]}
        return {name for tree in self.trees.values() for name in members(tree.body)} | modules | self.arguments

    @cached_property
    def arguments(self) -> set[str]:
        """Parameters of the ready-made defenses, which a configuration names."""
        return {node.arg for node in ast.walk(self.trees["src/lacuna/purify.py"]) if isinstance(node, ast.arg)}

    @cached_property
    def literals(self) -> set[str]:
        """Texts in the code: names of columns, metrics, plots and the like."""
        nodes = (node for tree in self.trees.values() for node in ast.walk(tree))
        return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}

    @cached_property
    def words(self) -> set[str]:
        """Words in the texts in the code."""
        return {word for text in self.literals for word in re.findall(r"[a-z]+", text)}

    @cached_property
    def code(self) -> str:
        """The text of everything that runs."""
        found = self.texts("src/**/*.py", "src/**/*.j2", "workflow/scripts/*", "rules/*", "slurm/bin/*", "Makefile")
        return "\n".join(text for _, text in found)

    def resolves(self, dotted: str) -> bool:
        """Whether a name such as ``lacuna.files.artefacts.Record.write`` leads to a module or what it defines."""
        parts = dotted.split(".")
        for end in range(len(parts), 0, -1):
            base = "src/" + "/".join(parts[:end])
            tree = self.trees.get(f"{base}.py") or self.trees.get(f"{base}/__init__.py")
            if tree:
                return leads(tree.body, parts[end:])
        return False

    # Configuration ----------------------------------------------------------------------------------------------

    @cached_property
    def schemas(self) -> dict[str, dict[str, Any]]:
        """Schemas of the configuration files, by name."""
        found = [(Path(name).name.partition(".")[0], text) for name, text in self.texts("workflow/schemas/*.yaml")]
        return {name: whole_schema(name, text) for name, text in found}

    @cached_property
    def keys(self) -> set[str]:
        """Keys that a schema knows."""
        return {key for schema in self.schemas.values() for node in nested(schema) for key in properties(node)}

    @cached_property
    def configured(self) -> set[str]:
        """Keys and texts of the configuration files, and the values that the schemas allow."""
        files = self.texts(
            "config/**/*.yaml",
            "docs/papers/*.yaml",
            "slurm/*.yaml",
            "gpu/*.yaml",
            "profiles/**/*.yaml",
            "workflow/schemas/*.yaml",
            "dvc.yaml",
        )
        found = {str(item) for _, text in files for node in nested(yaml.safe_load(text)) for item in scalars(node)}
        return found.union(*self.places)

    @cached_property
    def profiled(self) -> set[str]:
        """Keys of the profiles."""
        files = self.texts("slurm/profile.yaml", "gpu/profile.yaml", "profiles/**/*.yaml")
        return {
            key for _, text in files for node in nested(yaml.safe_load(text)) if isinstance(node, dict) for key in node
        }

    @cached_property
    def exhibits(self) -> dict[str, set[str]]:
        """Names of the tables and of the figures."""
        files = self.texts("config/papers/*.yaml", "docs/papers/*[!s].yaml")  # those of claims end in "s"
        papers = [yaml.safe_load(text) for _, text in files]
        return {kind: {name for paper in papers for name in paper[kind]} for kind in ("tables", "figures")}

    @cached_property
    def places(self) -> tuple[set[str], set[str], set[str]]:
        """Scales, datasets and stages: the first three folders below results/."""
        scales = {Path(name).stem for name, _ in self.texts("config/scales/*.yaml")}
        stages = {Path(name).stem for name, _ in self.texts("workflow/scripts/*.py")}
        return scales, set(yaml.safe_load((self.root / "config/datasets.yaml").read_text())), stages

    def accepts(self, content: Any) -> bool:
        """Whether a piece of YAML can be part of a configuration file: whether a part of a schema takes its keys."""
        for schema in self.schemas.values():
            for node in nested(schema):
                if takes(node, content):
                    whole = relaxed({"$defs": schema.get("$defs", {}), **node})
                    if Draft202012Validator(whole).is_valid(content):
                        return True
        return False

    # Targets ----------------------------------------------------------------------------------------------------

    @cached_property
    def makes(self) -> set[str]:
        """Targets of the Makefile."""
        lines = re.findall(r"^([a-z][a-z -]*):(?!=)", (self.root / "Makefile").read_text(), re.M)
        return {name for line in lines for name in line.split()}

    @cached_property
    def rules(self) -> set[str]:
        """Names of rules."""
        return {
            name for _, text in self.texts("Snakefile", "rules/*") for name in re.findall(r"^rule (\w+):", text, re.M)
        }

    @cached_property
    def aliases(self) -> set[str]:
        """Stages of dvc.yaml."""
        return set(yaml.safe_load((self.root / "dvc.yaml").read_text())["stages"])

    def makes_file(self, path: str) -> bool:
        """Whether a path is a file, or a folder, that the workflow can make."""
        head, _, name = path.rstrip("/").partition("/")
        if not name:
            return True
        if head in ("tables", "figures"):
            return self._exhibit(head, name)
        if head == "crates":
            return self._crate(name)
        if head == "reports":
            return name in ("audit.html", "audit.json")
        if head == "exports":
            return self._network(name.split("/"))
        if head in ("metrics", "plots"):  # of a table
            return self._exhibit("tables", f"{Path(name).stem}.csv")
        return self._artefact(name.split("/"))

    @staticmethod
    def _network(parts: list[str]) -> bool:
        """The folder of an exported network, alone or below that of its dataset."""
        try:
            return len(parts) <= 2 and ("<" in parts[-1] or bool(parse_model(parts[-1])))
        except LacunaError:
            return False

    def _exhibit(self, kind: str, name: str) -> bool:
        """Files of a table, of a figure, or of a paper's claims."""
        stem, _, ending = name.partition(".")
        endings = {"tables": ("csv", "md", "tex", "cells.csv"), "figures": ("svg", "png")}
        files = self.texts("config/claims/*.yaml", "docs/papers/*.claims.yaml")
        claims = {f"{Path(name).name.partition('.')[0]}-claims" for name, _ in files}
        if kind == "tables" and any(same(stem, claim) for claim in claims):
            return ending in ("csv", "md", "comparisons.csv")
        return ending in endings[kind] and any(same(stem, exhibit) for exhibit in self.exhibits[kind])

    def _crate(self, name: str) -> bool:
        """The crate of an exhibit, of a paper's claims, or of a paper, and its root digest."""
        stem, _, ending = name.partition(".")
        papers = {name.removesuffix(".yaml") for name in os.listdir(self.root / "config/papers")}
        known = {
            *papers,
            *(f"{paper}-claims" for paper in papers),
            *(one for ones in self.exhibits.values() for one in ones),
        }
        return ending in ("zip", "zip.sha256") and any(same(stem, one) for one in known)

    def _artefact(self, parts: list[str]) -> bool:
        """``<scale>/<dataset>/<stage>/...``, a scale's notes, or the folder of what was fetched."""
        if parts[0] == "downloads" or parts[1:2] in (["published"], ["origins.json"]):
            return True
        seeded = [part if i != 1 else re.sub(r"-seed(<n>|\d+)$", "", part) for i, part in enumerate(parts)]
        ending = re.search(r"\.([a-z]+)$", parts[-1].removesuffix(".dvc") if len(parts) > 3 else "")
        known = not ending or f".{ending[1]}" in self.code
        places = zip(seeded, self.places, strict=False)
        return known and all(any(same(part, name) for name in names) for part, names in places)


def alternatives(pattern: str) -> list[str]:
    """``a{b,c}`` as ``ab`` and ``ac``."""
    found = re.search(r"\{([^{}]*)\}", pattern)
    if not found:
        return [pattern]
    choices = [pattern[: found.start()] + choice + pattern[found.end() :] for choice in found[1].split(",")]
    return [end for choice in choices for end in alternatives(choice)]


def same(written: str, name: str) -> bool:
    """Whether a name is the one written, in which a placeholder stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, PLACEHOLDERS.split(written))), name) is not None


def defined(node: ast.AST) -> Iterator[str]:
    """Names that a node of a syntax tree brings into being."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.id if isinstance(node, ast.Name) else node.attr
    elif isinstance(node, ast.arg):
        yield node.arg


def members(body: list[ast.stmt]) -> Iterator[str]:
    """Names that the statements of a module define, and those in its classes; none inside functions."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield node.name
            yield from members(node.body)
        elif isinstance(node, ast.FunctionDef):
            yield node.name
            yield from (name for part in ast.walk(node) for name in defined(part) if isinstance(part, ast.Attribute))
        else:
            yield from (name for part in ast.walk(node) for name in defined(part))


def leads(body: list[ast.stmt], parts: list[str]) -> bool:
    """Whether a path of names leads through what a module or class defines or imports."""
    if not parts:
        return True
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            if any(parts[0] == (alias.asname or alias.name) for alias in node.names):
                return True
        elif parts[0] in members([node]):
            return leads(node.body, parts[1:]) if isinstance(node, ast.ClassDef) and node.name == parts[0] else True
    return False


def nested(content: Any) -> Iterator[Any]:
    """A structure of mappings and lists, and everything in it."""
    yield content
    for part in content.values() if isinstance(content, dict) else content if isinstance(content, list) else ():
        yield from nested(part)


def scalars(node: Any) -> Iterator[Any]:
    """Keys of a mapping; a text, and the words in it; a number."""
    if isinstance(node, dict):
        yield from node
    elif isinstance(node, str):
        yield from {node, *TOKENS.findall(node)}
    elif not isinstance(node, list):
        yield node


def properties(node: Any) -> dict[str, Any]:
    """Keys that a schema's node names."""
    found = node.get("properties", {}) if isinstance(node, dict) else {}
    return found if isinstance(found, dict) else {}


def takes(node: Any, content: dict[str, Any]) -> bool:
    """Whether a schema's node is of a mapping with these keys, or of one from free names to mappings or lists."""
    if not isinstance(node, dict):
        return False
    other = node.get("additionalProperties")
    free = isinstance(other, dict) and {"$ref", "properties"} & other.keys()
    plain = any(not isinstance(value, dict | list) for value in content.values())
    return set(content) <= set(properties(node)) or bool(free and not plain)


def relaxed(node: Any) -> Any:
    """A schema that takes an excerpt: nothing is required, and nothing depends on what else is there."""
    dropped = {"required", "minItems", "minProperties", "if", "then", "else", "dependentRequired", "allOf"}
    if isinstance(node, list):
        return [relaxed(part) for part in node]
    if not isinstance(node, dict):
        return node
    kept = {"anyOf" if key == "oneOf" else key: value for key, value in node.items() if key not in dropped}
    if {"then", "else"} <= node.keys():
        kept["anyOf"] = [node["then"], node["else"]]
    if {"allOf", "properties"} <= node.keys():  # whose conditions say which of the properties may be there
        kept.setdefault("additionalProperties", False)
    named = ("properties", "$defs")
    return {
        key: {name: relaxed(part) for name, part in value.items()} if key in named else relaxed(value)
        for key, value in kept.items()
    }
