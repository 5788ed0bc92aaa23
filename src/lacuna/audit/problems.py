"""Problems of a report: what is wrong with which file, in one sentence, and how bad it is."""

from collections.abc import Callable, Sequence
from typing import Any

from lacuna.errors import LacunaError
from lacuna.files.artefacts import AGAIN

# What code that reads numbers raises where a file, sealed by whoever, holds something that no job writes.
ODD = (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError)
STATES = ("tampered", "replaced", "stale", "missing")  # the worst first

Problem = dict[str, str]  # path, state, why


def problem(state: str, path: str, why: str) -> Problem:
    """One problem; ``why`` is a sentence."""
    return {"path": path, "state": state, "why": why}


def worst_state(problems: Sequence[Problem]) -> str:
    """The worst state among problems; ``built`` where there is no problem."""
    return next((state for state in STATES if any(p["state"] == state for p in problems)), "built")


def judged(entry: dict[str, Any], path: str, judge: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``judge`` says of a part of the report; ``entry`` and a problem where it stumbles over a file."""
    try:
        return judge()
    except (LacunaError, *ODD) as error:
        odd = f"{path} holds what no job writes ({type(error).__name__}); {AGAIN}"
        wrong = problem("tampered", path, str(error) if isinstance(error, LacunaError) else odd)
        return entry | {"state": "tampered", "problems": [*entry["problems"], wrong]}
