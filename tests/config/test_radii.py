"""Smoothing that can only abstain and radii that nothing reaches: against the toolbox's bound, and as settings."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import pytest
from refusing import DEFECTIVE, DEMO, Change, drop, put, refusal
from scipy.stats import beta, norm

from lacuna.config.radii import draws_for, fewest_draws, largest_radius

if TYPE_CHECKING:
    from projects import Project

SMOOTH = {"sigma": 0.25, "n0": 20, "n": 1000, "alpha": 0.001}
DUAL, CROSS = "config/papers/dual.yaml", "config/papers/cross.yaml"


def lower_end(k: int, n: int, alpha: float) -> float:
    """Clopper and Pearson's lower end for k of n, one-sided."""
    return float(beta.ppf(alpha, k, n - k + 1))


@pytest.mark.parametrize("seed", range(40))
def test_the_fewest_draws_are_those_with_which_all_equal_answers_are_believed(seed: int) -> None:
    alpha = 10 ** random.Random(seed).uniform(-12, -0.31)
    n = fewest_draws(alpha)
    assert lower_end(n, n, alpha) > 0.5
    assert n == 1 or lower_end(n - 1, n - 1, alpha) <= 0.5 + 1e-12


def test_nine_draws_at_one_in_a_thousand_are_one_too_few() -> None:
    assert fewest_draws(0.001) == 10
    assert fewest_draws(0.5) == 2  # with one draw the bound is 1/2, which certifies a radius of 0
    assert fewest_draws(2.0**-20) == 21


@pytest.mark.parametrize("seed", range(40))
def test_the_largest_radius_is_that_of_all_draws_equal(seed: int) -> None:
    draw = random.Random(seed)
    how = {"sigma": draw.uniform(0.01, 1), "n": round(10 ** draw.uniform(1.1, 6)), "alpha": 10 ** draw.uniform(-3, -1)}
    wanted = how["sigma"] * norm.ppf(lower_end(how["n"], how["n"], how["alpha"]))
    assert largest_radius(how) == pytest.approx(wanted, rel=1e-9)
    again = draws_for(largest_radius(how), how)
    assert again in (how["n"], how["n"] - 1)
    more = draws_for(1.1 * largest_radius(how), how)
    assert more is None or (
        largest_radius(how | {"n": more}) >= 1.1 * largest_radius(how) > largest_radius(how | {"n": more - 1})
    )


def test_a_radius_of_many_standard_deviations_needs_more_draws_than_there_can_be() -> None:
    assert draws_for(10, SMOOTH) is None
    assert draws_for(0, SMOOTH) == 10


def certified(smoothing: dict[str, Any], *radii: float, defense: str = "smooth") -> Change:
    """A row behind smoothing, and a column for each radius, for Table 3."""

    def change(content: Any) -> None:
        table = content["tables"]["table3"]
        half = {"function": "lacuna.purify:bit_depth", "arguments": {"bits": 6}}
        content["defenses"] = {"smooth": {"smoothing": smoothing}, "half": half}
        table["rows"] = [{"row": "smooth", "model": "resnet18-standard-s1", "defense": defense}]
        table["columns"] = [{"column": f"{r}", "metric": "certified_accuracy", "radius": r} for r in radii]

    return change


@pytest.mark.parametrize("change", [{"n": 9}, {"alpha": 1e-6, "n": 19}, {"alpha": 0.4, "n": 1}, {"n": 1}], ids=str)
def test_smoothing_that_can_only_abstain_is_refused_with_the_draws_that_suffice(
    table3: Project, change: dict[str, Any]
) -> None:
    table3.edit(DEFECTIVE, certified(SMOOTH | change, 0))
    sentence = refusal(table3)
    enough = math.floor(math.log2(1 / (SMOOTH | change)["alpha"])) + 1
    assert sentence.startswith(f"{DEFECTIVE}, key defenses.smooth.smoothing.n: {(SMOOTH | change)['n']} draws")
    assert sentence.endswith(f"can only abstain; allowed: at least {enough}")
    table3.edit(DEFECTIVE, put("defenses.smooth.smoothing.n", enough))
    table3.load()


def test_draws_that_a_scale_takes_away_are_named_in_its_file(project: Project) -> None:
    project.edit(DEMO, put("defenses.smooth50", {"smoothing": {"n": 5}}))
    assert refusal(project).startswith(f"{DEMO}, key defenses.smooth50.smoothing.n: 5 draws with alpha 0.001")


@pytest.mark.parametrize(
    ("smoothing", "radius", "says"),
    [
        (SMOOTH, 0.62, "certify 0.6158 at most; allowed: a radius up to that, or n of at least "),
        (SMOOTH | {"n": 10}, 0.01, "or n of at least "),
        (SMOOTH, 5, "1000 draws certify 0.6158 at most; allowed: a radius up to that"),
        (SMOOTH | {"sigma": 0.01}, 0.25, "allowed: a radius up to that"),
    ],
)
def test_a_radius_that_no_row_can_certify_is_refused(
    table3: Project, smoothing: dict[str, Any], radius: float, says: str
) -> None:
    table3.edit(DEFECTIVE, certified(smoothing, 0, radius))
    sentence = refusal(table3)
    assert sentence.startswith(f"{DEFECTIVE}, key tables.table3: column '{radius}' asks for radius {radius:g}")
    assert says in sentence
    if sentence[-1].isdigit():
        table3.edit(DEFECTIVE, put("defenses.smooth.smoothing.n", int(sentence.rpartition(" ")[2])))
        table3.load()


def test_a_column_that_one_row_can_certify_stays(project: Project) -> None:
    project.load()  # the radius 1.5 is beyond sigma 0.25 and 0.5, not beyond 1
    project.edit(DUAL, lambda c: [c["defenses"][name]["smoothing"].update(sigma=0.25) for name in c["defenses"]])
    assert "column 'certified 0.75' asks for radius 0.75" in refusal(project)


def test_a_certificate_needs_a_radius_and_smoothing(table3: Project) -> None:
    table3.edit(DEFECTIVE, certified(SMOOTH, 0.1))
    table3.load()
    table3.edit(DEFECTIVE, lambda content: content["tables"]["table3"]["columns"][0].pop("radius"))
    assert "column '0.1' has no radius" in refusal(table3)
    for defense in ("half", ""):
        table3.edit(DEFECTIVE, certified(SMOOTH, 0.1, defense=defense or "half"))
        if not defense:
            table3.edit(DEFECTIVE, lambda content: content["tables"]["table3"]["rows"][0].pop("defense"))
        assert "metric certified_accuracy needs a defense with smoothing; allowed: smooth" in refusal(table3)


def transferred(metric: str) -> Change:
    """Gives a transferred attack of the cross table a metric with a radius."""

    def change(content: Any) -> None:
        lines = content["tables"]["cross"]["columns"]
        (line,) = (line for line in lines if line["column"] == "CW, any l2, transfer")
        line.update(metric=metric, radius=5, reference=150528)

    return change


def test_a_bounded_accuracy_of_float_images_is_their_sources_own(project: Project) -> None:
    project.edit(DUAL, put("tables.dual-cw.rows[0].defense", "smooth25"))
    allowed = "'bounded_accuracy' is of float images, as their source sees them; allowed: source self without defense"
    assert allowed in refusal(project)
    project.edit(DUAL, drop("tables.dual-cw.rows[0].defense"))
    project.edit(CROSS, transferred("bounded_accuracy"))
    assert allowed in refusal(project)
    project.edit(CROSS, transferred("bounded_accuracy_8bit"))
    project.load()


@pytest.mark.parametrize(("radius", "reference", "most"), [(0, 784, "28"), (30, 784, "28"), (400, 150528, "388")])
def test_a_bounded_accuracy_has_a_radius_between_no_change_and_any(
    project: Project, radius: float, reference: int, most: str
) -> None:
    column = "tables.dual-cw.columns[1]"
    project.edit(DUAL, put(f"{column}.radius", radius))
    project.edit(DUAL, put(f"{column}.reference", reference))
    sentence = refusal(project)
    assert f"column 'within l2 2' asks for radius {radius}; allowed: above 0 and at most {most}, from black" in sentence
