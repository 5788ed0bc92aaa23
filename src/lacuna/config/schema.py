"""Schemas of the configuration: completed by what the library declares, and asked whether a file keeps to them."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from lacuna.errors import LacunaError
from lacuna.language.attacks import METHODS, OWN_METHOD
from lacuna.language.methods import Signature
from lacuna.language.models import KNOWN_NETWORKS, PACKAGED
from lacuna.language.notes import note_schema
from lacuna.language.roles import ROLES
from lacuna.reporting.plots import plots
from lacuna.reporting.plots.core.own import OWN_PLOT
from lacuna.reporting.plots.core.plot import Plot

REFERENCE = "[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*"  # module:name of something of the user's own


def whole_schema(name: str, text: str) -> Any:
    """The schema ``name`` from its file's text, completed by what the library declares: plots, methods, parameters."""
    schema: dict[str, Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text).get_single_data()
    if name == "paper":
        schema["$defs"]["figure"] = _with_plots(schema["$defs"]["figure"])
    return complete(schema)


def _with_plots(figure: dict[str, Any]) -> dict[str, Any]:
    """The schema of a figure, which has its own keys and all those of its plot, and no others."""
    own = figure["properties"] | {"plot": _one_of(plots(), "module:function")}
    keys = [key for plot in (*plots().values(), OWN_PLOT) for key in (*plot.keys, *plot.optional)]
    every = dict.fromkeys(keys, True) | own
    mistyped = {"if": {"required": ["plot"]}, "else": {"additionalProperties": False, "properties": every}}
    by_plot = [_of_plot({"const": name}, plot, [*own]) for name, plot in plots().items()]
    by_plot.append(_of_plot({"pattern": f"^{REFERENCE}$"}, OWN_PLOT, [*own]))
    return {**figure, "properties": every, "allOf": [mistyped, *by_plot]}


def _of_plot(name: dict[str, str], plot: Plot, own: list[str]) -> dict[str, Any]:
    keys = {key: one.schema for key, one in {**plot.keys, **plot.optional}.items()}
    takes = {"additionalProperties": False, "required": [*plot.keys], "properties": dict.fromkeys(own, True) | keys}
    return {"if": {"properties": {"plot": name}, "required": ["plot"]}, "then": takes}


@cache
def _whole(name: str, text: str) -> Any:
    """By a schema's text, so that copies of a checkout share it. Whether it is a schema, tests ask: it takes long."""
    return whole_schema(name, text)


@cache
def _quick(name: str, text: str) -> jsonschema_rs.Draft202012Validator:
    """As `lacuna.config.violations`, in a fiftieth of the time, but with JSON's integers and without words."""
    return jsonschema_rs.Draft202012Validator(_anchored(_whole(name, text)))


@cache
def _slow(name: str, text: str) -> Any:
    """As `_quick`, with integers as they are written and an error for each violation."""
    from lacuna.config.violations import Strict

    return Strict(_whole(name, text))


def _rebuilt(node: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """A schema, or a part of it, in which ``change`` has made another of each object, the innermost first."""
    if isinstance(node, list):
        return [_rebuilt(part, change) for part in node]
    if not isinstance(node, dict):
        return node
    return change({key: _rebuilt(part, change) for key, part in node.items()})


def _anchored(schema: Any) -> Any:
    """A schema whose patterns are of the whole text."""
    return _rebuilt(schema, _with_whole_pattern)


def _with_whole_pattern(part: dict[str, Any]) -> dict[str, Any]:
    return part | {"pattern": f"^(?:{part['pattern']})$"} if isinstance(part.get("pattern"), str) else part


def _plain(value: Any) -> bool:
    """Whether a value has nothing but what both validators read alike: no 4.0, nor what JSON does not have."""
    if isinstance(value, dict):
        return all(type(key) is str for key in value) and all(map(_plain, value.values()))
    if isinstance(value, list):
        return all(map(_plain, value))
    if type(value) is float:
        return math.isfinite(value) and not value.is_integer()
    return value is None or type(value) in (str, bool) or (type(value) is int and abs(value) < 2**53)


def complete(schema: Any) -> Any:
    """A schema, or a part of it, whose objects have the properties that their key ``declared`` takes from elsewhere."""
    return _rebuilt(schema, _with_declared)


def _with_declared(part: dict[str, Any]) -> dict[str, Any]:
    if "declared" in part:
        part["properties"] = DECLARED[part.pop("declared")]() | part.get("properties", {})
    return part


def _methods() -> dict[str, Any]:
    return {"method": _one_of(METHODS, "module:name")}


def _one_of(names: Iterable[str], own: str) -> dict[str, Any]:
    """The schema of a ready-made name, or of a reference to the user's own, which messages call ``own``."""
    ready = [*names]
    pattern = f"^({'|'.join(ready)}|{REFERENCE})$"
    return {"type": "string", "pattern": pattern, "description": f"{', '.join(ready)}, or {own} of your own"}


def _parameters(signatures: Iterable[Signature]) -> dict[str, Any]:
    """The parameters of several functions; what one allows of a parameter is allowed. Budgets are checked further."""
    allowed: dict[str, list[Mapping[str, Any]]] = {}
    for signature in signatures:
        for name, parameter in signature.parameters.items():
            if parameter.value.schema not in allowed.setdefault(name, []):
                allowed[name].append(parameter.value.schema)
    return {name: schemas[0] if len(schemas) == 1 else _any_of(schemas) for name, schemas in allowed.items()}


def _any_of(schemas: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"anyOf": schemas, "description": ", or ".join(schema["description"] for schema in schemas)}


def _training() -> dict[str, Any]:
    trained = {name: method.training for name, method in METHODS.items() if method.training}
    return {"method": {"enum": [*trained]}} | _parameters(trained.values())


LABELS = "whose answer is the label of each image, since nobody labelled them"
# What a schema's key ``declared`` may name: properties that modules of src/lacuna state, each beside what it is about.
DECLARED: dict[str, Callable[[], dict[str, Any]]] = {
    "methods": _methods,
    "parameters": lambda: _parameters([*METHODS.values(), OWN_METHOD]),
    "training": _training,
    "roles": lambda: {
        role: {"type": "string", "description": f"a name in config/datasets.yaml, for {what}"}
        for role, what in ROLES.items()
    },
    "note": note_schema,
    "architectures": lambda: {name: {"$ref": "#/$defs/throughput"} for name in KNOWN_NETWORKS},
    "labels": lambda: {"labels": {"enum": [*PACKAGED], "description": f"{LABELS}: {', '.join(PACKAGED)}"}},
}


def check_value(where: str, value: Any, schema: Mapping[str, Any]) -> None:
    """Raises `LacunaError` for the first violation of a ``schema`` by the value at a place of a file, ``where``."""
    if _plain(value) and jsonschema_rs.is_valid(_anchored(schema), value):
        return
    from lacuna.config.violations import what_is_allowed

    if allowed := what_is_allowed(schema, value):
        raise LacunaError(f"{where}: {allowed}")


def definition(root: Path, schema: str, name: str) -> Any:
    """A part of workflow/schemas/<schema>.schema.yaml by its name under ``$defs``."""
    return _whole(schema, (root / f"workflow/schemas/{schema}.schema.yaml").read_text(encoding="utf-8"))["$defs"][name]


def check_schema(content: Any, schema: str, file: str, root: Path) -> None:
    """Raises `LacunaError` for the first violation of workflow/schemas/<schema>.schema.yaml in ``file``."""
    text = (root / f"workflow/schemas/{schema}.schema.yaml").read_text(encoding="utf-8")
    if _plain(content) and _quick(schema, text).is_valid(content):
        return
    from lacuna.config.violations import first_violation  # jsonschema, for the words of a message

    if found := first_violation(_slow(schema, text), content, file):
        raise LacunaError(found)
