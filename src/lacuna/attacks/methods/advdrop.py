"""AdvDrop: detail dropped by quantisation tables (Duan et al. 2021), as the paper or its released code does it."""

from lacuna.attacks.core.parameters import STEPS
from lacuna.language.methods import FLAG, POSITIVE, Budget, Method, Parameter, Refusal, Value

SMALLEST = 5  # entry of a table in the released code


def _refuse(budget: Budget) -> Refusal:
    if budget["variant"] == "released_code" and budget["bound"] < SMALLEST:
        return "bound", f"a number of at least {SMALLEST} with released_code"
    width = budget["bound"] - (SMALLEST if budget["variant"] == "released_code" else 0)
    if budget.get("table_step", 0) > width:
        return "table_step", f"at most {width:g}, the width of the box that bound {budget['bound']:g} gives tables"
    if budget.get("tables") == "uniform" and (budget["steps"] > 1 or budget.get("targeted")):
        return "tables", "uniform with steps: 1, untargeted, since such tables are not searched for"
    if budget.get("aim", "random") != "random" and not budget.get("targeted"):
        return "aim", "random, or targeted: true"
    return None


def _decisive(budget: Budget) -> Budget:
    """The budget with no larger bound than its steps can reach: the paper's tables start at 1."""
    if budget["variant"] == "released_code" or budget.get("tables", "learned") != "learned":
        return budget
    return {**budget, "bound": min(budget["bound"], budget["steps"] * budget.get("table_step", 1))}


METHOD = Method(
    function="lacuna.attacks.advdrop:advdrop",
    modules=(
        "attacks/core/dct",
        "attacks/core/draws",
        "attacks/core/parameters",
        "attacks/core/victim",
        "numerics/seeding",
    ),
    required=(
        Parameter("variant", Value.choice("paper", "released_code"), ""),
        Parameter("bound", POSITIVE, "q"),
        STEPS,
    ),
    optional=(
        Parameter("table_step", POSITIVE, "a"),
        Parameter("rounding", Value.choice("soft", "hard"), ""),
        Parameter("success", Value.choice("relaxed", "eight_bit", "never"), ""),
        Parameter("tables", Value.choice("learned", "uniform", "mean", "permuted"), ""),
        Parameter("targeted", FLAG, "targeted"),
        Parameter("aim", Value.choice("random", "least_likely"), ""),
    ),
    refuse=_refuse,
    decisive=_decisive,
    draws=True,
    jpeg_blocks=True,
    resumable=True,
)
