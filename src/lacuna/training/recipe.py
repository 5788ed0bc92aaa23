"""Learning rates, as functions of numbers alone."""

from bisect import bisect_right
from math import cos, pi
from typing import Any


def learning_rate(recipe: dict[str, Any], epoch: float) -> float:
    """Learning rate at ``epoch`` (0 at the start, counted in fractions).

    ``multistep`` multiplies by ``factor`` at each milestone (paper, appendix D); ``onecycle`` rises linearly
    during the share ``warmup`` of the training and falls along a cosine to zero.
    """
    schedule, peak = recipe["schedule"], float(recipe["learning_rate"])
    if schedule["name"] == "multistep":
        return peak * float(schedule["factor"]) ** bisect_right(schedule["milestones"], epoch)
    done = epoch / recipe["epochs"]
    if done < schedule["warmup"]:
        return peak * done / schedule["warmup"]
    return peak * (1 + cos(pi * (done - schedule["warmup"]) / (1 - schedule["warmup"]))) / 2
