"""Every key of the configuration files, from their schemas. No torch here."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tables import table

from lacuna.config.schema import whole_schema
from lacuna.reporting.plots import plots
from lacuna.reporting.plots.core.own import OWN_PLOT
from lacuna.reporting.plots.core.plot import Plot

Schema = Mapping[str, Any]
# Name of a schema: the files that it describes.
SCHEMAS = {
    "config": "config/config.yaml",
    "scale": "config/scales/*.yaml",
    "paper": "config/papers/*.yaml",
    "claims": "config/claims/*.yaml",
    "datasets": "config/datasets.yaml",
    "audit": "",
}
REFUSED = "A key that is not here is refused."
PLACES = "`<name>` stands for a name that you choose, `[]` for each entry of a list."
EXPLAINED = {
    "config": f"{REFUSED} The command line takes the same keys: `--config scale=laptop seeds=3`.",
    "audit": "`snakemake audit` writes this file. `<name>` stands for any name, `[]` for each entry of a list.",
}
LONGEST = 60  # characters of an example
HEAD = ("key", "type", "required", "allowed", "example")


@dataclass(frozen=True)
class Key:
    """A key of a file: its place, such as ``tables.<name>.rows[].model``, its schema, and values that it has there."""

    place: str
    schema: Schema
    required: bool
    values: tuple[Any, ...]

    @property
    def part(self) -> str:
        """The key at the top of the file, or of one of its entries, to which this one belongs."""
        return re.split(r"[.[]", self.place.removeprefix("<name>").lstrip("."))[0] or "each entry"

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """The key's line in a table with the columns `HEAD`."""
        said = str(self.schema.get("description", ""))
        words = ", ".join(f"`{word}`" for word in self.schema.get("enum", ()) if str(word) not in said)
        allowed = "; ".join(filter(None, [said.replace("<", "&lt;"), words]))
        return f"`{self.place}`", _type(self.schema), "yes" if self.required else "", allowed, _example(self.values)


def page(root: Path, name: str) -> str:
    """All keys of one schema, with examples from the files of the checkout."""
    schema = whole_schema(name, (root / f"workflow/schemas/{name}.schema.yaml").read_text())
    files = [yaml.safe_load(path.read_text()) for path in sorted(root.glob(SCHEMAS[name]))] if SCHEMAS[name] else []
    text = [f"# Keys of {schema['title'].replace('<', '&lt;')}", f"{_sentence(schema)}"]
    text += [EXPLAINED[name] if name in EXPLAINED else f"{REFUSED} {PLACES} Examples are from `{SCHEMAS[name]}`."]
    found = {key.place: key for key in reversed([*walk(schema, schema, "", tuple(files))])}
    keys = [*reversed(found.values())]
    if name == "config":
        return "\n\n".join([*text, table((*HEAD[:-1], "default"), [key.row for key in keys])])
    for part in dict.fromkeys(key.part for key in keys):
        text += [f"## {part}", table(HEAD, [key.row for key in keys if key.part == part])]
    return "\n\n".join([*text, *(_plots(files) if name == "paper" else [])])


def _plots(files: Sequence[Any]) -> Iterator[str]:
    """The keys of each kind of figure."""
    figures = [figure for content in files for figure in content.get("figures", {}).values()]
    for name, plot in {**plots(), "module:name": OWN_PLOT}.items():
        fits = [one for one in figures if one["plot"] == name or (":" in one["plot"] and ":" in name)]
        yield f"### Figures with `plot: {name}`"
        yield table(HEAD, [key.row for key in _plot_keys(plot, fits)])


def _plot_keys(plot: Plot, figures: Sequence[Any]) -> Iterator[Key]:
    for keys in (plot.keys, plot.optional):
        for name, key in keys.items():
            whole = {"type": "object", "properties": {name: key.schema}, "required": [name] * (keys is plot.keys)}
            yield from walk(whole, whole, "", tuple(figures))


def walk(whole: Schema, node: Any, place: str, values: tuple[Any, ...]) -> Iterator[Key]:
    """The keys below a node of the schema ``whole``; ``values`` are what files have at its place."""
    node = resolved(whole, node)
    required = node.get("required", ())
    for name, part in node.get("properties", {}).items():
        if isinstance(part, Mapping):
            own = tuple(value[name] for value in values if isinstance(value, dict) and name in value)
            yield from _key(whole, part, f"{place}.{name}".lstrip("."), name in required, own)
    if isinstance(other := node.get("additionalProperties"), Mapping):
        named = set(node.get("properties", {}))
        own = tuple(v for value in values if isinstance(value, dict) for k, v in value.items() if k not in named)
        yield from _key(whole, other, f"{place}.<name>".lstrip("."), False, own)
    if isinstance(items := node.get("items"), Mapping):
        own = tuple(one for value in values if isinstance(value, list) for one in value)
        yield from walk(whole, items, f"{place}[]", own)
    parts = [part for word in ("anyOf", "oneOf") for part in node.get(word, ())]
    for part in [*parts, node.get("then"), node.get("else")]:
        if isinstance(part, Mapping):
            yield from walk(whole, {"required": required, **part}, place, values)


def _key(whole: Schema, part: Schema, place: str, required: bool, values: tuple[Any, ...]) -> Iterator[Key]:
    schema = resolved(whole, part)
    if "anyOf" in schema:
        schema = {**schema, "anyOf": [resolved(whole, choice) for choice in schema["anyOf"]]}
    if {"type", "description", "enum", "anyOf", "oneOf", "pattern"} & schema.keys():
        yield Key(place, schema, required, values)
    yield from walk(whole, schema, place, values)


def resolved(whole: Schema, node: Schema) -> Schema:
    """A node with what its $ref leads to; its own words win."""
    while "$ref" in node:
        target: Any = whole
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def _type(schema: Schema) -> str:
    kinds = schema.get("type", [])
    said = [kinds] if isinstance(kinds, str) else list(kinds)
    said = said or [_type(part) for word in ("anyOf", "oneOf") for part in schema.get(word, ()) if "type" in part]
    words = {"object": "mapping", "array": "list", "string": "text", "boolean": "true or false"}
    return " or ".join(dict.fromkeys(words.get(kind, kind) for kind in said)) or "text" * ("enum" in schema)


def _example(values: tuple[Any, ...]) -> str:
    """The first value that fits into a line."""
    for value in values:
        text = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False).removesuffix("...\n").strip()
        if len(text) <= LONGEST:
            return f"`{text}`"
    return ""


def _sentence(schema: Schema) -> str:
    said = str(schema["description"])
    return f"{said[0].upper()}{said[1:]}."
