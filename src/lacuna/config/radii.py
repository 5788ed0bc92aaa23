"""Randomised smoothing that can only abstain, and radii that nothing can certify or exceed. No torch here.

With all of n noisy copies in one class, the class's probability is at least alpha^(1/n) with confidence 1 - alpha: the
lower end of Clopper and Pearson's interval. The smoothed network answers where that reaches 1/2, and the certified
radius is sigma times its normal quantile (Cohen et al. 2019, Section 3.2.2).
"""

from collections.abc import Mapping
from fractions import Fraction
from math import expm1, log, log1p, sqrt
from statistics import NormalDist
from typing import Any

from lacuna.config.parts import Paper
from lacuna.errors import LacunaError
from lacuna.language.exhibits import BOUNDED_METRICS, joined

Smoothing = Mapping[str, Any]
CERTIFIED = "certified_accuracy"
MOST = 10**9  # draws for an image: at 10^4 in a second they take a day


def check_radii(papers: Mapping[str, Paper]) -> None:
    """Every smoothed defense can answer at all, and no radius alone decides a column."""
    for paper in papers.values():
        for name, body in paper.content["defenses"].items():
            if "smoothing" in body:
                _check_draws(paper, name, body["smoothing"])
        for table, body in paper.content["tables"].items():
            for column in body["columns"]:
                parts = [joined(row, column) for row in body["rows"]]
                _check_certified(paper, f"{paper.file}, key tables.{table}", parts)
                _check_bounded(f"{paper.file}, key tables.{table}", parts)


def _check_draws(paper: Paper, name: str, smoothing: Smoothing) -> None:
    if smoothing["n"] < (fewest := fewest_draws(smoothing["alpha"])):
        file = paper.scale_file if name in paper.settings.get("defenses", {}) else paper.file
        only = f"{smoothing['n']} draws with alpha {smoothing['alpha']:g} can only abstain"
        raise LacunaError(f"{file}, key defenses.{name}.smoothing.n: {only}; allowed: at least {fewest}")


def fewest_draws(alpha: float) -> int:
    """The smallest n for which n equal answers give a class a probability above 1/2: alpha > 2^-n, exactly."""
    n = 1
    while Fraction(alpha) * 2**n <= 1:
        n += 1
    return n


def largest_radius(smoothing: Smoothing) -> float:
    """The l2 radius, pixels in [0, 1], that n equal answers certify; below 0 where they only abstain."""
    unsure = -expm1(log(smoothing["alpha"]) / smoothing["n"])  # 1 - alpha^(1/n), which is all but 1 for many draws
    return float(-smoothing["sigma"] * NormalDist().inv_cdf(unsure))


def draws_for(radius: float, smoothing: Smoothing) -> int | None:
    """How many equal answers certify a radius; None where more than `MOST` would be needed."""
    unsure = NormalDist().cdf(-radius / smoothing["sigma"])
    draws = log(smoothing["alpha"]) / log1p(-unsure) if unsure else MOST
    if draws >= MOST:
        return None
    n = max(1, int(draws) - 1)
    while largest_radius({**smoothing, "n": n}) < radius:
        n += 1
    return n


def _check_certified(paper: Paper, where: str, column: list[dict[str, Any]]) -> None:
    """Of a column of certified accuracy some row reaches its radius; rows that do not are 0, as is usual."""
    asked = []
    for part in column:
        if part["metric"] == CERTIFIED:
            if "radius" not in part:
                raise LacunaError(f"{where}: column '{part['column']}' has no radius; metric {CERTIFIED} needs one")
            asked.append((part["radius"], _smoothing(paper, where, part)))
    if asked and all(radius > largest_radius(smoothing) for radius, smoothing in asked):
        nearest = max(asked, key=lambda pair: largest_radius(pair[1]) - pair[0])
        raise LacunaError(f"{where}: column '{column[0]['column']}' asks for {_beyond(*nearest)}")


def _check_bounded(where: str, column: list[dict[str, Any]]) -> None:
    """A bounded accuracy's radius is more than no change and no more than any."""
    for part in column:
        if part["metric"] in BOUNDED_METRICS and not 0 < part["radius"] ** 2 <= part["reference"]:
            limit = f"above 0 and at most {sqrt(part['reference']):.4g}, from black to white in every value"
            raise LacunaError(
                f"{where}: column '{part['column']}' asks for radius {part['radius']:g}; allowed: {limit}"
            )


def _smoothing(paper: Paper, where: str, part: Mapping[str, Any]) -> Smoothing:
    """The smoothing before a certified network; raises `LacunaError` where there is none."""
    defense = paper.parts["defenses"].get(part.get("defense", ""), {})
    if "smoothing" not in defense:
        needs = f"metric {CERTIFIED} needs a defense with smoothing"
        allowed = ", ".join(name for name, body in paper.parts["defenses"].items() if "smoothing" in body)
        raise LacunaError(f"{where}: row '{part['row']}': {needs}; allowed: {allowed or 'another metric'}")
    return dict(defense["smoothing"])


def _beyond(radius: float, smoothing: Smoothing) -> str:
    n, enough = smoothing["n"], draws_for(radius, smoothing)
    reached = f"radius {radius:g}, and {n} draws certify {largest_radius(smoothing):.4g} at most"
    return f"{reached}; allowed: a radius up to that{f', or n of at least {enough}' if enough else ''}"
