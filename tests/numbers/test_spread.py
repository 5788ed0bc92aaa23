"""What several trainings of a cell say, and print beside them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lacuna.numbers.spread import by_training, joined, prediction_interval, unlike_print
from lacuna.reporting.tables.render import UNLIKE, table_latex, table_markdown


@pytest.mark.parametrize("k", [2, 3, 5, 10])
def test_a_further_training_falls_into_the_interval_as_often_as_it_says(k: int) -> None:
    draws = np.random.default_rng(k).normal(50, 4, (k + 1, 20_000))
    low, high = prediction_interval(draws[:k], np.zeros(20_000, bool))
    inside = ((low <= draws[k]) & (draws[k] <= high)).mean()
    assert abs(inside - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 20_000)


def test_it_is_the_two_sample_t_interval_with_one_training_on_the_other_side() -> None:
    ours = np.array([70.0, 74, 71, 69, 75])
    ([low], [high]) = prediction_interval(ours[:, None], np.array([True]))
    half = stats.t.ppf(0.975, 4) * ours.std(ddof=1) * np.sqrt(1 / 5 + 1 / 1)
    assert (low, high) == pytest.approx((ours.mean() - half, ours.mean() + half))


def test_percentages_end_at_0_and_100_and_other_numbers_do_not() -> None:
    values = np.array([[1.0, 1.0], [99.0, 99.0]])
    low, high = prediction_interval(values, np.array([True, False]))
    assert (low[0], high[0]) == (0, 100)
    assert low[1] < 0
    assert high[1] > 100


def cells(printed: float, values: str, low: float = 60, high: float = 80) -> pd.DataFrame:
    mean = np.mean([float(value) for value in values.split()])
    line = {"exhibit": "table3", "row": "0.5-Bottom", "column": "VGG-19", "target": "resnet18", "keep_prob": 0.5}
    line |= {"variant": "bottom", "source": "vgg19", "attack": "pgd_e16_a1_t20", "metric": "defense_rate", "n": 500}
    line |= {"value": mean, "unit": "percent", "ci_low": mean - 2, "ci_high": mean + 2, "printed": printed}
    line |= {"difference": mean - printed, "dataset": "cifar10", "scale": "paper", "seeds": len(values.split())}
    line |= {"seed_low": mean - 3, "seed_high": mean + 3, "seed_values": values, "print_low": low, "print_high": high}
    return pd.DataFrame([line | {"provenance": "0" * 16}])


@pytest.mark.parametrize(("printed", "outside"), [(70.0, False), (59.9, True), (80.1, True), (60.0, False)])
def test_a_table_marks_a_printed_number_that_one_more_training_would_not_give(printed: float, outside: bool) -> None:
    frame = cells(printed, "69 71 70")
    text = table_markdown(frame, "A title", "A paper")
    assert "70.00 (67.00 to 73.00)" in text
    assert "70.00 (67.00 to 73.00)" in table_latex(frame, "A title", "A paper")
    [row] = [line for line in text.splitlines() if line.startswith("| resnet18")]
    assert (UNLIKE in row) == outside == unlike_print(frame).item()
    assert f"That is so in {int(outside)} of 1 cells." in text


def test_print_that_cannot_be_compared_has_no_mark() -> None:
    text = table_markdown(cells(10.0, "69 71 70", np.nan, np.nan), "A title", "A paper")
    assert UNLIKE not in text


def test_the_values_of_all_trainings_come_back_one_training_at_a_time() -> None:
    frame = pd.concat([cells(70.0, "69 71 70"), cells(70.0, "1 2 3")], ignore_index=True)
    frame.loc[1, "seed_values"] = joined([1, None, 3])
    values = [one["value"].tolist() for one in by_training(frame)]
    assert values == [[69, 1], [71, pytest.approx(np.nan, nan_ok=True)], [70, 3]]
    assert by_training(frame.drop(columns="seed_values")) == []
