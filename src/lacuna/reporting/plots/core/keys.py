"""Keys of a figure's entry that several plots take. No torch here."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lacuna.errors import LacunaError
from lacuna.reporting.plots.core.plot import Key, Schema

if TYPE_CHECKING:
    from lacuna.config.figures import Entry


def text(description: str) -> Schema:
    """The schema of a text."""
    return {"type": "string", "description": description}


def list_of(description: str, keys: Mapping[str, Schema], /, **more: Any) -> Schema:
    """The schema of a list with at least one entry, which has ``keys``, all required.

    ``more`` is what else the schema of an entry has, or has in place of that.
    """
    entry = {"type": "object", "additionalProperties": False, "required": [*keys], "properties": keys, **more}
    return {"type": "array", "minItems": 1, "items": entry, "description": description}


NAME, MODEL_NAME = text("a text"), text("a model's name")
ROLE = text("a role that the scale gives a dataset")
ATTACK_NAME = text("a name under attacks")


def _table(entry: "Entry") -> None:
    entry.check_name("table", entry.body["table"], entry.content["tables"])


def _dataset(entry: "Entry") -> None:
    entry.check_role("dataset", entry.body["dataset"])


def _foreground(entry: "Entry") -> None:
    _dataset(entry)
    entry.check_foreground(entry.body["dataset"])


def _model(entry: "Entry") -> None:
    entry.check_model("model", entry.body["model"])


def _models(entry: "Entry") -> None:
    for model in entry.body["models"]:
        entry.check_target("models", model)


def _rows(entry: "Entry") -> None:
    """Each row names a budget of an attack and a source that goes with it, on enough images of the figure's dataset."""
    for i, row in enumerate(entry.body["rows"]):
        place, attack = f"rows[{i}]", row["attack"]
        entry.check_name(f"{place}.attack", attack, entry.content["attacks"])
        codes = entry.paper.codes(attack)
        if "code" in row:
            entry.check_name(f"{place}.code", row["code"], codes)
        elif row["budget"] >= len(codes):
            where = f"{entry.where(f'{place}.budget')}: {row['budget']}"
            raise LacunaError(f"{where} is not allowed; allowed: 0 to {len(codes) - 1}, the budgets of {attack}")
        entry.check_source(f"{place}.source", row["source"], attack)
        entry.check_set(attack)


TABLE = Key(text("a name under tables"), _table)
DATASET = Key(ROLE, _dataset)
DATASET_WITH_FOREGROUND = Key(ROLE, _foreground)
MODEL = Key(MODEL_NAME, _model)
MODELS = Key(
    {"type": "object", "minProperties": 1, "additionalProperties": NAME, "description": "models with a name each"},
    _models,
)
_ROW: dict[str, Schema] = {
    "label": NAME,
    "attack": ATTACK_NAME,
    "source": MODEL_NAME,
    "code": text("the code of one of its budgets"),
    "budget": {
        "type": ["integer", "string"],
        "minimum": 0,
        "description": "which of its budgets, by name or an integer of at least 0",
    },
}
ROWS = Key(
    list_of(
        "one row of images per source and budget",
        _ROW,
        required=["label", "attack", "source"],
        oneOf=[{"required": ["code"]}, {"required": ["budget"]}],
        description="label, attack, source, and code or budget",
    ),
    _rows,
)
