"""How far a run of other trainings may lie from this one: prediction intervals over trainings and images."""

from collections.abc import Sequence

import numpy as np

from lacuna.numbers.statistics import Array
from lacuna.numbers.trainings import Errors, joint_half_widths

Pair = tuple[Sequence[float], ...]  # values of each of our trainings, and of each of theirs


def prediction_half_widths(values: Sequence[Pair], images: Array, among: int) -> Array:
    """Half-widths (m,) of joint 95 % prediction intervals of m differences of means, by Bonferroni among so many.

    Of k trainings and l others with one common variance, a difference of means has the standard error
    s * sqrt(1/k + 1/l), where s is pooled and has k + l - 2 degrees of freedom. With l of 1 this is the prediction
    interval of one more training. ``images`` (m,) are the standard errors over images, which are added as in
    `lacuna.numbers.trainings`. NaN where both runs have one training.
    """
    half = np.full(len(values), np.nan)
    for i, pair in enumerate(values):
        freedom = sum(len(one) - 1 for one in pair)
        if freedom:
            squares = sum(float(np.var(one)) * len(one) for one in pair)
            error = np.sqrt(squares / freedom * sum(1 / len(one) for one in pair))
            half[i] = joint_half_widths(Errors(images[i : i + 1], np.array([error]), freedom + 1), among)[0]
    return half
