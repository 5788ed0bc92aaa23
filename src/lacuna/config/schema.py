"""JSON Schema violations as one sentence a user can act on."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from lacuna.errors import LacunaError
from lacuna.language.attacks import METHODS, OWN_METHOD
from lacuna.language.methods import Signature
from lacuna.language.models import KNOWN_NETWORKS, PACKAGED
from lacuna.language.notes import note_schema
from lacuna.language.roles import ROLES
from lacuna.reporting.plots import plots
from lacuna.reporting.plots.core.own import OWN_PLOT
from lacuna.reporting.plots.core.plot import Plot


def _integer(_: Any, value: Any) -> bool:
    """Whether an integer was written; JSON Schema also takes 4.0, which range() and seeds do not.

    Beyond 2^53 programs disagree on integers, and none of them is a number of epochs, steps or images.
    """
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53


def _number(_: Any, value: Any) -> bool:
    return _integer(_, value) or (isinstance(value, float) and math.isfinite(value))


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    """The whole text: Python's $ also matches before a line break at the end, which would then stand in a path."""
    if isinstance(value, str) and not re.fullmatch(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


_Strict: type[Draft202012Validator] = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _integer).redefine("number", _number),
)

REFERENCE = "[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*"  # module:name of something of the user's own
CLOSE = 0.61  # of two keys that are suggested for each other; table and title are less


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
def _validator(name: str, text: str) -> Draft202012Validator:
    """Of a schema's text, so that copies of a checkout share it. Whether it is a schema, tests ask: it takes long."""
    return _Strict(whole_schema(name, text))


@cache
def _quick(name: str, text: str) -> jsonschema_rs.Draft202012Validator:
    """As `_validator`, in a fiftieth of the time, but with JSON's integers and without the words of messages."""
    return jsonschema_rs.Draft202012Validator(_anchored(whole_schema(name, text)))


def _anchored(node: Any) -> Any:
    """A schema whose patterns are of the whole text."""
    if isinstance(node, list):
        return [_anchored(part) for part in node]
    if not isinstance(node, dict):
        return node
    whole = {key: _anchored(part) for key, part in node.items()}
    return whole | {"pattern": f"^(?:{node['pattern']})$"} if isinstance(node.get("pattern"), str) else whole


def _plain(value: Any) -> bool:
    """Whether a value has nothing but what both validators read alike: no 4.0, nor what JSON does not have."""
    if isinstance(value, dict):
        return all(type(key) is str for key in value) and all(map(_plain, value.values()))
    if isinstance(value, list):
        return all(map(_plain, value))
    if type(value) is float:
        return math.isfinite(value) and not value.is_integer()
    return value is None or type(value) in (str, bool) or (type(value) is int and abs(value) < 2**53)


def complete(node: Any) -> Any:
    """A schema, or a part of it, whose objects have the properties that their key ``declared`` takes from elsewhere."""
    if isinstance(node, list):
        return [complete(part) for part in node]
    if not isinstance(node, dict):
        return node
    whole = {key: complete(part) for key, part in node.items()}
    if "declared" in node:
        whole["properties"] = DECLARED[whole.pop("declared")]() | whole.get("properties", {})
    return whole


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
    for error in _Strict(schema).iter_errors(value):
        raise LacunaError(f"{where}: {_shown(value)} is not allowed; allowed: {_expected(error)}")


def definition(root: Path, schema: str, name: str) -> Any:
    """A part of workflow/schemas/<schema>.schema.yaml by its name under ``$defs``."""
    validator = _validator(schema, (root / f"workflow/schemas/{schema}.schema.yaml").read_text(encoding="utf-8"))
    whole: Any = validator.schema
    return whole["$defs"][name]


def check_schema(content: Any, schema: str, file: str, root: Path) -> None:
    """Raises `LacunaError` for the first violation of workflow/schemas/<schema>.schema.yaml in ``file``."""
    text = (root / f"workflow/schemas/{schema}.schema.yaml").read_text(encoding="utf-8")
    if _plain(content) and _quick(schema, text).is_valid(content):
        return
    if errors := sorted(_validator(schema, text).iter_errors(content), key=_order):
        raise LacunaError(_sentence(errors[0], file))


def _order(error: ValidationError) -> tuple[int, str, bool]:
    """What is wrong high up comes first; of one place a mistyped key, which explains one that is missing."""
    path = list(error.absolute_path)
    return len(path), str(path), error.validator != "additionalProperties"


def dotted(path: Sequence[str | int]) -> str:
    """A place in a file as ``recipes.cifar10.milestones[0]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _sentence(error: ValidationError, file: str) -> str:
    path = [*error.absolute_path]
    rule = str(error.validator)
    limit: Any = error.validator_value
    content: Any = error.instance
    schema = error.schema if isinstance(error.schema, dict) else {}
    if rule == "additionalProperties":
        known = sorted(schema.get("properties", {}))
        wrong = min((key for key in content if key not in known), key=str)
        close = get_close_matches(str(wrong), known, 1, CLOSE)
        hint = f" (did you mean '{close[0]}'?)" if close else ""
        return f"{file}: key {dotted([*path, wrong])} is not known{hint}; allowed: {', '.join(known)}"
    if rule == "required":
        missing = sorted(key for key in limit if key not in content)[0]
        return f"{file}: key {dotted([*path, missing])} is missing; required: {', '.join(limit)}"
    if rule == "dependentRequired":
        given, lacking = next(
            (key, name) for key in limit if key in content for name in limit[key] if name not in content
        )
        return f"{file}: key {dotted([*path, lacking])} is missing; required: {lacking} with {given}"
    where = f"{file}, key {dotted(path)}" if path else file
    return f"{where}: {_shown(content)} is not allowed; allowed: {_expected(error)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _expected(error: ValidationError) -> str:
    """What is allowed in place of a value, in words."""
    rule = str(error.validator)
    limit: Any = error.validator_value
    schema = error.schema if isinstance(error.schema, dict) else {}
    if rule == "enum":
        return ", ".join(str(value) for value in limit)
    if "description" in schema:
        return str(schema["description"])
    words = {
        "minimum": f"at least {limit}",
        "maximum": f"at most {limit}",
        "exclusiveMinimum": f"more than {limit}",
        "type": f"{limit}",
        "minItems": f"at least {limit} entries",
        "maxItems": f"at most {limit} entries",
        "uniqueItems": "no entry twice",
        "minProperties": f"at least {limit} entry",
    }
    return words.get(rule, f"{rule} {limit}")
