"""Dual perturbation in l-infinity (Towards Robustness against Unsuspicious Adversarial Examples, Section 3.2)."""

from lacuna.attacks.core.parameters import (
    NO_WEIGHT,
    RESTARTS,
    SEARCH,
    STEP_SCALE,
    STEPS,
    SWAPPED,
    WEIGHT,
    refuse_invisible_regions,
    refuse_regions,
    refuse_samples,
)
from lacuna.language.methods import PIXELS_OR_ZERO, Method, Parameter, Signature, first_of

_EPSILONS = (
    Parameter("epsilon_foreground", PIXELS_OR_ZERO, "f"),
    Parameter("epsilon_background", PIXELS_OR_ZERO, "b"),
)

METHOD = Method(
    function="lacuna.attacks.dual:dual",
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
    required=(*_EPSILONS, WEIGHT, STEPS),
    optional=(SWAPPED, *SEARCH),
    refuse=first_of(refuse_regions, refuse_invisible_regions, refuse_samples),
    draws=True,
    foreground=True,
    fast=True,
    training=Signature(
        function="lacuna.attacks.dual:ascend_dual",
        required=(*_EPSILONS, NO_WEIGHT, STEPS),
        optional=(SWAPPED, RESTARTS, STEP_SCALE),
        refuse=refuse_regions,
    ),
)
