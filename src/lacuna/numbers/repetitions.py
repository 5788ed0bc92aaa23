"""Shares of answers of a target that draws: images are sampled, answers are repeated, and the two are kept apart."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from lacuna.numbers.statistics import Array, Sample


@dataclass(frozen=True)
class Repeated(Sample):
    """A share over images that were each asked several times.

    ``answers`` bool (n, k) says whether each of k answers about an image counts; ``values`` (n,) are their means.
    """

    answers: Array = field(default_factory=lambda: np.zeros((0, 1), dtype=bool))

    @property
    def share(self) -> bool:
        """It is a share, though its values lie between 0 and 1."""
        return True

    @property
    def shared_variance(self) -> float:
        """Variance of the share by what all images of a repetition share, such as one draw for a whole batch."""
        mean_squares = _mean_squares(self.answers)
        return max(0.0, mean_squares.repetitions - mean_squares.rest) / max(1, self.answers.size)

    def at(self, places: Array) -> "Repeated":
        """The same number over some of the images."""
        return replace(self, images=self.images[places], values=self.values[places], answers=self.answers[places])


class Variances(NamedTuple):
    """Parts of a share's variance, in [0, 1] squared: by which images were drawn, by what was drawn for each answer."""

    images: float
    answers: float


class MeanSquares(NamedTuple):
    """Mean squares of a two-way analysis of variance without interaction: images, repetitions, and the rest."""

    images: float
    repetitions: float
    rest: float


def share_of(images: Array, answers: Array) -> Sample:
    """The share of ``answers`` bool that count: (n,), or (n, k) where each image was asked k times."""
    if answers.ndim == 1:
        return Sample(images, answers)
    return Repeated(images, answers.mean(axis=1), answers=answers)


def variances(answers: Array) -> Variances:
    """Both parts of the variance of the mean of ``answers`` (n, k); NaN of fewer than two images or answers.

    Images and repetitions are crossed random effects (Searle, Casella and McCulloch 1992). The variance of the mean is
    the mean square of images, plus that of repetitions, less that of the rest, over n k, without bias. The part of the
    answers, the mean square of repetitions over n k, is the variance between whole repetitions over their number. It
    is what varies when the same images are asked again, also where all images of a batch share a draw. All else is the
    part of the images.
    """
    mean_squares, size = _mean_squares(answers), answers.size
    of_images = float(np.maximum(0, mean_squares.images - mean_squares.rest))
    return Variances(of_images / size, mean_squares.repetitions / size)


def repeated_interval(sample: Repeated) -> tuple[float, float]:
    """95 % interval of a share over images and answers, in [0, 1]: Wilson's, of as many images as the variance implies.

    That number is p (1 - p) over the variance of p. It is the number of images where all answers about an image agree,
    and at most the number of answers. A share of 0 or 1 shows no variance and counts its images.
    """
    n, p = len(sample.values), sample.estimate()
    variance = float(np.var(sample.values)) / n + sample.shared_variance
    effective = float(n)
    if 0 < p < 1:
        effective = min(sample.answers.size, p * (1 - p) / variance) if variance else float(sample.answers.size)
    low, high = proportion_confint(p * effective, effective, alpha=0.05, method="wilson")
    return float(low), float(high)


def _mean_squares(answers: Array) -> MeanSquares:
    """Of answers (n, k), both at least 2; else NaN."""
    n, k = answers.shape
    if min(n, k) < 2:
        return MeanSquares(*[float("nan")] * 3)
    given = answers.astype(float)
    images, repetitions = given.mean(axis=1), given.mean(axis=0)
    rest = given - images[:, None] - repetitions + given.mean()
    return MeanSquares(
        k * float(images.var(ddof=1)),
        n * float(repetitions.var(ddof=1)),
        float((rest**2).sum()) / ((n - 1) * (k - 1)),
    )
