"""PGD in the l2 ball (Madry et al. 2018), the baseline of dual perturbation in l2."""

from lacuna.attacks.core.parameters import (
    REFERENCE,
    RESTARTS,
    SEARCH,
    STEP_SCALE,
    STEPS,
    refuse_lengths,
    refuse_samples,
    refuse_saved_lengths,
)
from lacuna.language.methods import LENGTH, Method, Parameter, Signature

_TAKEN = (Parameter("epsilon_l2", LENGTH, "e"), STEPS)

METHOD = Method(
    function="lacuna.attacks.pgd_l2:pgd_l2",
    modules=(
        "attacks/core/ball",
        "attacks/core/directions",
        "attacks/core/draws",
        "attacks/core/parameters",
        "attacks/core/regions",
        "attacks/core/search",
        "attacks/core/victim",
        "foreground/score",
        "numerics/images",
        "numerics/seeding",
    ),
    required=_TAKEN,
    optional=(*SEARCH, REFERENCE),
    refuse=refuse_samples,
    refuse_images=refuse_saved_lengths,
    draws=True,
    fast=True,
    training=Signature(
        function="lacuna.attacks.pgd_l2:ascend_ball_l2",
        required=_TAKEN,
        optional=(RESTARTS, STEP_SCALE, REFERENCE),
        refuse_images=refuse_lengths,
    ),
)
