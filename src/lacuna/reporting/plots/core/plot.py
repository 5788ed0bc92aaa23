"""What a kind of figure declares. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lacuna.config.figures import Entry
    from lacuna.plan.figures import FigurePlan

Body = Mapping[str, Any]  # a figure's entry, as config/papers has it
Schema = dict[str, Any]  # JSON Schema
Files = dict[str, list[str]]  # paths, by what they hold
Settings = dict[str, Any]


def _nothing(entry: "Entry") -> None:
    """No check beyond the schema."""


def _own(body: Body) -> list[str]:
    return [body["dataset"]]


def no_files(plan: "FigurePlan") -> Files:
    """The files of a plot that is drawn from settings alone."""
    return {}


@dataclass(frozen=True)
class Key:
    """A key of a figure's entry.

    ``schema`` is the JSON Schema of its value, with a description of what is allowed. ``check`` raises `LacunaError`
    for what JSON Schema cannot say, such as a name that does not exist; the keys before this one are checked already.
    """

    schema: Schema
    check: Callable[["Entry"], None] = _nothing


@dataclass(frozen=True)
class Plot:
    """A kind of figure: what its entry must say, and what it is drawn from.

    ``keys`` are all that its entry must have besides ``title`` and ``plot``, in the order in which they are checked,
    and ``optional`` what it may have too.
    ``files`` and ``settings`` give, for a figure as the plan knows it, what ``draw`` of its drawing gets. ``roles``
    gives the roles of the datasets that a figure without a table is about, the one that its note states first.
    ``methods`` are the attack methods whose modules its drawing imports.
    """

    keys: Mapping[str, Key]
    files: Callable[["FigurePlan"], Files]
    settings: Callable[["FigurePlan"], Settings]
    roles: Callable[[Body], list[str]] = _own
    methods: tuple[str, ...] = ()
    optional: Mapping[str, Key] = field(default_factory=dict)
