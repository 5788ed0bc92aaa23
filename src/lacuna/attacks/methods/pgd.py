"""PGD in the l-infinity ball (Madry et al. 2018; Defective CNN, appendix E)."""

from lacuna.attacks.core.parameters import EPSILON, RANDOM_START, RESTARTS, STEP, STEPS, refuse_steps
from lacuna.language.methods import FLAG, Budget, Method, Parameter, Refusal, Signature, first_of, refuse_invisible


def _refuse_restarts(budget: Budget) -> Refusal:
    if budget.get("restarts", 1) > 1 and not budget.get("random_start"):
        return "random_start", "true; without it all restarts are the same"
    if budget.get("restarts", 1) > 1 and budget.get("until_fooled"):
        return "restarts", "1 with until_fooled; restarts keep the highest loss, and an image that stops has little"
    return None


METHOD = Method(
    function="lacuna.attacks.pgd:pgd",
    modules=(
        "attacks/core/ball",
        "attacks/core/draws",
        "attacks/core/parameters",
        "attacks/core/victim",
        "numerics/seeding",
    ),
    required=(EPSILON, STEP, STEPS),
    optional=(RANDOM_START, RESTARTS, Parameter("until_fooled", FLAG, "stop")),
    refuse=first_of(_refuse_restarts, refuse_steps, refuse_invisible("epsilon")),
    draws=True,
    fast=True,
    training=Signature(
        function="lacuna.attacks.pgd:ascend_ball",
        required=(EPSILON, STEP, STEPS),
        optional=(RANDOM_START,),
        refuse=refuse_steps,
    ),
)
