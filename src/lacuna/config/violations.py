"""Words for what violates a JSON Schema. Only a configuration with a mistake needs them, and jsonschema."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

CLOSE = 0.61  # of two keys that are suggested for each other; table and title are less


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


Strict: type[Draft202012Validator] = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _integer).redefine("number", _number),
)


def first_violation(schema: Draft202012Validator, content: Any, file: str) -> str:
    """The first violation of a `Strict` schema by a file's content, as one sentence; empty where there is none."""
    errors = sorted(schema.iter_errors(content), key=_order)
    return _sentence(errors[0], file) if errors else ""


def what_is_allowed(schema: Mapping[str, Any], value: Any) -> str:
    """The first violation of a schema by a value, as the end of a sentence; empty where there is none."""
    error = next(Strict(schema).iter_errors(value), None)
    return f"{_shown(value)} is not allowed; allowed: {_expected(error)}" if error else ""


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
