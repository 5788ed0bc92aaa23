"""Parameters of budgets that several methods take, and what cannot be between them. No torch here."""

from math import ceil, floor, sqrt

from lacuna.language.methods import (
    COUNT,
    FLAG,
    HALF_A_LEVEL,
    NOT_NEGATIVE,
    PIXELS,
    Budget,
    Images,
    Parameter,
    Refusal,
    Value,
    at_least,
    at_most,
    parse_pixels,
)

_ZERO = Value({"const": 0, "description": "0: the paper trains without the salience term"})
_REACHING = Value.number("a number of at least 1; shorter steps do not reach epsilon", minimum=1)
_DEVIATION = Value.number("a number above 0 and at most 1, of pixels in [0, 1]", exclusiveMinimum=0, maximum=1)

EPSILON = Parameter("epsilon", PIXELS, "e")
STEP = Parameter("step", PIXELS, "a")
STEPS = Parameter("steps", COUNT, "t")
RANDOM_START = Parameter("random_start", FLAG, "rs")
RESTARTS = Parameter("restarts", COUNT, "x")
STEP_SCALE = Parameter("step_scale", _REACHING, "c")
SEARCH = (RESTARTS, STEP_SCALE, Parameter("noise", _DEVIATION, "s"), Parameter("samples", COUNT, "n"))
WEIGHT = Parameter("weight", NOT_NEGATIVE, "l")
NO_WEIGHT = Parameter("weight", _ZERO, "l")
SWAPPED = Parameter("swapped", FLAG, "sw")
EQUAL_DENSITY = Parameter("equal_density", FLAG, "d")
REFERENCE = Parameter("reference", COUNT)

FOREGROUND, BACKGROUND = "epsilon_foreground", "epsilon_background"
LENGTHS = ("epsilon_l2", FOREGROUND, BACKGROUND)


def refuse_steps(budget: Budget) -> Refusal:
    """Steps that end inside the ball, and steps that leave it from wherever they begin."""
    epsilon, step = (parse_pixels(budget[name], name) for name in ("epsilon", "step"))
    if step * budget["steps"] < epsilon:
        wider = at_least(epsilon / budget["steps"])
        return "steps", f"at least {ceil(epsilon / step)}, or a step of at least {wider}, to reach {budget['epsilon']}"
    if step > 2 * epsilon:
        return "step", f"at most {at_most(2 * epsilon)}, the width of the ball of {budget['epsilon']}"
    return None


def refuse_samples(budget: Budget) -> Refusal:
    """Samples of a noise that there is not are all the same."""
    return ("samples", "1, or with noise") if budget.get("samples", 1) > 1 and "noise" not in budget else None


def refuse_regions(budget: Budget) -> Refusal:
    """Of two regions one must be able to change."""
    stated = [budget[name] for name in (FOREGROUND, BACKGROUND)]
    epsilons = [parse_pixels(value, BACKGROUND) if isinstance(value, str) else value for value in stated]
    return None if any(epsilons) else (BACKGROUND, f"above 0, or {FOREGROUND} above 0")


def refuse_density(budget: Budget) -> Refusal:
    """Regions that keep their places have the density that their budgets give."""
    wrong = budget.get("equal_density") and not budget.get("swapped")
    return ("equal_density", "false, or with swapped: true") if wrong else None


def refuse_invisible_regions(budget: Budget) -> Refusal:
    """Of two budgets in pixel units one must be more than what rounding undoes."""
    if max(parse_pixels(budget[name], name) for name in (FOREGROUND, BACKGROUND)) < HALF_A_LEVEL:
        return BACKGROUND, f"at least {at_least(HALF_A_LEVEL)}, or such a {FOREGROUND}, to change a saved image"
    return None


def refuse_lengths(budget: Budget, images: Images) -> Refusal:
    """An l2 budget must leave out some image: the whole cube's diagonal is the root of the number of values."""
    diagonal = sqrt(budget.get("reference", images.values))
    for name in LENGTHS:
        if budget.get(name, 0) > diagonal:
            return name, f"at most {floor(100 * diagonal) / 100:g}, which every image is within"
    return None


def refuse_saved_lengths(budget: Budget, images: Images) -> Refusal:
    """As `refuse_lengths`; and the largest budget is more than what rounding undoes, all of it in one value."""
    least = float(HALF_A_LEVEL) * sqrt(budget.get("reference", images.values) / images.values)
    name = max((name for name in LENGTHS if name in budget), key=lambda name: budget[name])
    if budget[name] < least:
        return name, f"at least {ceil(10**6 * least) / 10**6:g}; less changes no image that is saved with 8 bits"
    return refuse_lengths(budget, images)
