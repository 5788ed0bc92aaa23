"""Notes below tables and figures, and what each needs of an exhibit to be true there. No torch here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

Body = Mapping[str, Any]
BELOW = "below"  # {below: 1000}: any number that is less
WIDTH = "width"  # the kind of need that has a value in place of names

# What an exhibit uses, by kind and name; each name with what the configuration says of it, once for every budget.
Used = Mapping[str, Mapping[str, Sequence[Body]]]


@dataclass(frozen=True)
class Note:
    """A sentence below exhibits, with what an exhibit must use for it to stand there, by kind."""

    sentence: str
    needs: Body = field(default_factory=dict)

    @classmethod
    def read(cls, entry: str | Body) -> "Note":
        """A note as a file states it: a sentence that needs nothing, or ``note`` with ``needs``."""
        return cls(entry) if isinstance(entry, str) else cls(entry["note"], entry.get("needs", {}))

    def stands(self, used: Used) -> bool:
        """Whether an exhibit that uses this meets every need.

        Of each kind it uses one of the names or more, and all of these that it uses have the keys that the need states.
        """
        return all(_met(stated, used[kind]) for kind, stated in self.needs.items())


def _met(stated: Any, used: Mapping[str, Sequence[Body]]) -> bool:
    asked = names_of(stated)
    shared = asked.keys() & used.keys()
    return bool(shared) and all(agrees(asked[name], body) for name in shared for body in used[name])


def names_of(stated: Any) -> Body:
    """The names of a need, each with the keys that it must have; a width has the name of its kind."""
    if isinstance(stated, list):
        return {name: {} for name in stated}
    return stated if isinstance(stated, dict) and BELOW not in stated else {WIDTH: {WIDTH: stated}}


def agrees(stated: Any, found: Any) -> bool:
    """Whether what is found has every stated key; null stands for a key that is not there."""
    if isinstance(stated, Mapping):
        if BELOW in stated:
            limit, value = as_number(stated[BELOW]), as_number(found)
            return limit is not None and value is not None and value < limit
        return isinstance(found, Mapping) and all(agrees(value, found.get(key)) for key, value in stated.items())
    number = as_number(stated)
    return bool(stated == found) or (number is not None and number == as_number(found))


def as_number(value: Any) -> Fraction | None:
    """A number, or a text such as 1/8, exactly; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        return None


# Schemas ---------------------------------------------------------------------------------------------------------

SENTENCE = {"type": "string", "pattern": r"[\s\S]*\S[\s\S]*", "description": "a sentence, which is not empty"}


def _names(what: str) -> dict[str, Any]:
    item = {"type": "string", "description": "a name"}
    return {"type": "array", "minItems": 1, "uniqueItems": True, "items": item, "description": f"a list of {what}"}


def _named(what: str) -> dict[str, Any]:
    """Names alone, or each with keys that it must have."""
    said = f"a list of {what}, or these names with keys that each must have"
    keys = {"type": "object", "minProperties": 1, "description": "keys with the values that they must have"}
    some = {"type": "object", "minProperties": 1, "additionalProperties": keys, "description": said}
    return {"if": {"type": "array"}, "then": _names(what), "else": some, "description": said}


_FRACTION = {
    "type": ["string", "number"],
    "pattern": "^[0-9]+(/[0-9]*[1-9][0-9]*)?$",
    "description": "the scale's width, such as 1/8, or {below: 1}",
}
_WIDTH = {
    "if": {"type": "object"},
    "then": {"properties": {BELOW: _FRACTION}, "required": [BELOW], "additionalProperties": False},
    "else": _FRACTION,
    "description": _FRACTION["description"],
}
NEEDS: dict[str, dict[str, Any]] = {
    "role": _names("roles of the papers"),
    "dataset": _names("datasets of config/datasets.yaml"),
    "training": _named("trainings of networks"),
    "attack": _named("attacks"),
    "method": _named("methods of attacks"),
    "defense": _named("defenses"),
    "mask": _names("masks as in names of networks, such as bottom0.1"),
    "foreground": _names("kinds of foreground masks"),
    "saliency": _names("kinds of saliency models"),
    WIDTH: _WIDTH,
}


def note_schema() -> dict[str, Any]:
    """The properties of a note: its sentence, and what it needs."""
    described = "what an exhibit must use for the sentence to stand below it: of every kind one of the names or more"
    needs = {"type": "object", "additionalProperties": False, "minProperties": 1, "properties": NEEDS}
    return {"note": SENTENCE, "needs": needs | {"description": described}}
