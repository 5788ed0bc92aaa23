"""Parameters of budgets that several methods take. No torch here."""

from lacuna.language.methods import COUNT, FLAG, NOT_NEGATIVE, PIXELS, POSITIVE, Parameter, Value

_ZERO = Value({"const": 0, "description": "0: the paper trains without the salience term"})

EPSILON = Parameter("epsilon", PIXELS, "e")
STEP = Parameter("step", PIXELS, "a")
STEPS = Parameter("steps", COUNT, "t")
RANDOM_START = Parameter("random_start", FLAG, "rs")
RESTARTS = Parameter("restarts", COUNT, "x")
STEP_SCALE = Parameter("step_scale", POSITIVE, "c")
SEARCH = (RESTARTS, STEP_SCALE, Parameter("noise", POSITIVE, "s"), Parameter("samples", COUNT, "n"))
WEIGHT = Parameter("weight", NOT_NEGATIVE, "l")
NO_WEIGHT = Parameter("weight", _ZERO, "l")
SWAPPED = Parameter("swapped", FLAG, "sw")
REFERENCE = Parameter("reference", COUNT)
