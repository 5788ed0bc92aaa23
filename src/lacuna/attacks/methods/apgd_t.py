"""APGD on the targeted DLR loss (Croce and Hein 2020, Section 4.1)."""

from lacuna.attacks.core.parameters import EPSILON, RESTARTS, STEPS
from lacuna.language.methods import COUNT, MARGIN, Budget, Images, Method, Parameter, Refusal, refuse_invisible

FEWEST = 4  # classes that the DLR loss needs


def _refuse_images(budget: Budget, images: Images) -> Refusal:
    if images.classes < FEWEST:
        return "method", f"apgd_ce, which does not need {FEWEST} classes"
    if budget.get("targets", 1) >= images.classes:
        return "targets", f"at most {images.classes - 1}, the wrong classes"
    return None


METHOD = Method(
    function="lacuna.attacks.apgd:apgd_t",
    modules=(
        "attacks/core/ball",
        "attacks/core/draws",
        "attacks/core/parameters",
        "attacks/core/victim",
        "numerics/seeding",
    ),
    required=(EPSILON, STEPS),
    optional=(Parameter("targets", COUNT, "y"), RESTARTS),
    refuse=refuse_invisible("epsilon"),
    refuse_images=_refuse_images,
    loss=MARGIN,
    draws=True,
)
