"""Asks a metric of the user's own for the number of a cell: it gets copies, and its answer is checked. No torch."""

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lacuna.errors import LacunaError
from lacuna.foreign.calls import calling
from lacuna.foreign.words import named
from lacuna.language.declared import resolve

KEYS = ("value", "n", "interval")
LIMITS = {"percent": (0.0, 100.0), "bytes": (0.0, math.inf), "colours": (0.0, math.inf)}  # of other units none
SLACK = 1e-9  # relative; by so much rounding may lead beyond an end


class Answer(NamedTuple):
    """A number in its unit, the images that it counts, and its interval; None where there is none."""

    value: float | None
    n: int
    low: float | None
    high: float | None


def ask_metric(
    reference: str, place: str, lines: pd.DataFrame, arguments: Mapping[str, Any], unit: str = "score"
) -> Answer:
    """What the function ``module:name`` says of the lines of an outcomes file, for the cell at a ``place``.

    Raises `LacunaError` where it cannot be imported, raises an error, gives no such answer, or not the same one twice.
    """
    who, function = f"{reference} for {place}", resolve(reference)
    first, second = (_answer(who, function, lines, arguments, unit) for _ in range(2))
    if first != second:
        seen = f"{_shown(first)}, and then {_shown(second)}"
        raise LacunaError(f"{who} gave {seen}; allowed: the same each time, as a generator with a seed gives it")
    return first


def _shown(answer: Answer) -> str:
    return ", ".join(f"{key} {value}" for key, value in answer._asdict().items())


def _answer(
    who: str, function: Callable[..., Any], lines: pd.DataFrame, arguments: Mapping[str, Any], unit: str
) -> Answer:
    """One answer, checked. The function gets a frame and arguments of its own, and may change them."""
    copied = lines.reset_index(drop=True).copy(deep=True)
    with calling(who), np.errstate():
        made = function(copied, **deepcopy(dict(arguments)))
    if not isinstance(made, Mapping) or set(made) != {*KEYS}:
        given = f"the keys {', '.join(map(str, made)) or 'of none'}" if isinstance(made, Mapping) else named(made)
        raise LacunaError(f"{who} gave {given}; allowed: a dict with the keys {', '.join(KEYS)}")
    n = _count(who, made["n"], lines["image"].nunique())
    if not n:
        return _of_nothing(who, made)
    value = _number(who, "value", made["value"], unit)
    return Answer(value, n, *_interval(who, made["interval"], value, unit))


def _of_nothing(who: str, made: Mapping[str, Any]) -> Answer:
    """The answer over no image, which has no number."""
    for key in ("value", "interval"):
        if made[key] is not None:
            raise LacunaError(f"{who} gave {key} {_plain(made[key])} with n 0; allowed with n 0: None")
    return Answer(None, 0, None, None)


def _count(who: str, n: object, images: int) -> int:
    whole = isinstance(n, int | np.integer) and not isinstance(n, bool)
    if not whole or not 0 <= int(n) <= images:  # type: ignore[call-overload]
        raise LacunaError(f"{who} gave n {_plain(n)}; allowed: an integer from 0 to {images}, the images it was given")
    return int(n)  # type: ignore[call-overload]


def _number(who: str, key: str, given: Any, unit: str) -> float:
    """A finite number within the limits of its unit."""
    low, high = LIMITS.get(unit, (-math.inf, math.inf))
    ends = {"percent": " from 0 to 100"}.get(unit, " of at least 0" if low == 0 else "")
    number = isinstance(given, int | float | np.integer | np.floating) and not isinstance(given, bool)
    slack = SLACK * max(1, high if high < math.inf else 1)
    if not number or not _finite(given) or not low - slack <= given <= high + slack:
        allowed = f"a finite number{ends}, in the unit {unit}"
        raise LacunaError(f"{who} gave {key} {_plain(given)}; allowed: {allowed}")
    return min(max(float(given), low), high)


def _finite(given: Any) -> bool:
    try:
        return math.isfinite(given)
    except OverflowError:  # an integer beyond every float
        return False


def _interval(who: str, given: Any, value: float, unit: str) -> tuple[float | None, float | None]:
    """Two ends around the value, or None twice."""
    if given is None:
        return None, None
    if not isinstance(given, tuple | list | np.ndarray) or len(given) != 2:
        raise LacunaError(f"{who} gave interval {_plain(given)}; allowed: two numbers, low and high, or None")
    low, high = (_number(who, f"interval {end}", one, unit) for end, one in zip(("low", "high"), given, strict=True))
    slack = SLACK * max(1.0, abs(value))
    if not low - slack <= value <= high + slack:
        raise LacunaError(
            f"{who} gave interval {low:g} to {high:g} with value {value:g}; allowed: ends around the value"
        )
    return min(low, value), max(high, value)


def _plain(given: object) -> str:
    """A value as a message shows it; what is long, by its kind."""
    text = " ".join(repr(given).split())
    return text if len(text) <= 40 else named(given)
