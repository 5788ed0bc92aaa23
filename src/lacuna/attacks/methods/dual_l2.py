"""Dual perturbation in l2 (Towards Robustness against Unsuspicious Adversarial Examples, Section 3.2)."""

from lacuna.attacks.core.parameters import (
    EQUAL_DENSITY,
    NO_WEIGHT,
    REFERENCE,
    RESTARTS,
    SEARCH,
    STEP_SCALE,
    STEPS,
    SWAPPED,
    WEIGHT,
    refuse_density,
    refuse_lengths,
    refuse_regions,
    refuse_samples,
    refuse_saved_lengths,
)
from lacuna.language.methods import LENGTH_OR_ZERO, Method, Parameter, Signature, first_of

_EPSILONS = (
    Parameter("epsilon_foreground", LENGTH_OR_ZERO, "f"),
    Parameter("epsilon_background", LENGTH_OR_ZERO, "b"),
)

METHOD = Method(
    function="lacuna.attacks.dual:dual_l2",
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
    optional=(SWAPPED, EQUAL_DENSITY, *SEARCH, REFERENCE),
    refuse=first_of(refuse_regions, refuse_samples, refuse_density),
    refuse_images=refuse_saved_lengths,
    draws=True,
    foreground=True,
    fast=True,
    training=Signature(
        function="lacuna.attacks.dual:ascend_dual_l2",
        required=(*_EPSILONS, NO_WEIGHT, STEPS),
        optional=(SWAPPED, RESTARTS, STEP_SCALE, REFERENCE),
        refuse=refuse_regions,
        refuse_images=refuse_lengths,
    ),
)
