"""When a difference between two arms is called one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from luthier.evaluation.difference import MIN_ROWS, Settings, Table, difference, estimate
from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics.contract import Metric

SETTINGS = Settings(confidence=0.95, num_resamples=400, seed=0)


def column(values: np.ndarray) -> Table:
    return np.stack([values, np.ones_like(values)], axis=1)


def answers(num_rows: int, fixed: int, broken: int) -> tuple[Table, Table]:
    """Two arms of which the first alone is right on `fixed` rows, the second on `broken`."""
    first, second = np.zeros(num_rows), np.zeros(num_rows)
    first[:fixed], second[fixed : fixed + broken] = 1.0, 1.0
    return column(first), column(second)


def normal(generator: np.random.Generator, size: int) -> np.ndarray:
    return generator.normal(size=size)


def quarters(generator: np.random.Generator, size: int) -> np.ndarray:
    return generator.binomial(4, 0.5, size) / 4


@pytest.mark.parametrize("num_rows", [10, 20, 50])
@pytest.mark.parametrize(("name", "draw"), [("nll", normal), ("json_fields", quarters)])
def test_equal_arms_are_rarely_told_apart(
    name: str, draw: Callable[[np.random.Generator, int], np.ndarray], num_rows: int
) -> None:
    metric, generator, number = metrics.get(name)(), np.random.default_rng(num_rows), 500
    wrong = 0
    for _ in range(number):
        first, second = column(draw(generator, num_rows)), column(draw(generator, num_rows))
        found = difference(metric, first, second, SETTINGS)
        wrong += found.outcome(higher_is_better=True) != "no_evidence"
    # swapping equal arms is an exact test of 5 %; beyond it, three errors of this simulation
    assert wrong / number <= 0.05 + 3 * (0.05 * 0.95 / number) ** 0.5


@pytest.mark.parametrize("name", ["nll", "json_fields", "exact_match", "rouge_l"])
def test_fewer_than_ten_rows_show_nothing(name: str) -> None:
    metric: Metric = metrics.get(name)()
    high, low = column(np.linspace(0.9, 1.0, MIN_ROWS)), column(np.linspace(0.1, 0.0, MIN_ROWS))
    if metric.is_share:
        high, low = column(np.ones(MIN_ROWS)), column(np.zeros(MIN_ROWS))
    assert difference(metric, high, low, SETTINGS).outcome(higher_is_better=True) == "better"
    for number in range(1, MIN_ROWS):
        found = difference(metric, high[:number], low[:number], SETTINGS)
        assert found.outcome(higher_is_better=True) == "no_evidence"


def test_rows_that_do_not_count_are_no_rows() -> None:
    metric = metrics.get("nll")()
    first, second = column(np.arange(8.0)), column(np.arange(8.0) + 5)
    empty = np.zeros((50, 2))
    found = difference(metric, np.vstack([first, empty]), np.vstack([second, empty]), SETTINGS)
    assert found == difference(metric, first, second, SETTINGS)
    assert (found.n, found.has_enough_rows) == (8, False)


@pytest.mark.parametrize("num_rows", [55, 200, 1000])
def test_shares_are_called_different_only_where_interval_and_test_agree(num_rows: int) -> None:
    metric = metrics.get("exact_match")()
    for fixed in range(40):
        for broken in range(min(fixed, num_rows - fixed) + 1):
            found = difference(metric, *answers(num_rows, fixed, broken), SETTINGS)
            is_shown = found.low > 0 and found.p_value < 0.05
            assert (found.outcome(higher_is_better=True) == "better") == is_shown


def test_an_interval_that_clears_zero_is_not_enough() -> None:
    found = difference(metrics.get("exact_match")(), *answers(55, 14, 5), SETTINGS)
    assert found.low > 0
    assert found.p_value == pytest.approx(0.064, abs=0.001)
    assert found.outcome(higher_is_better=True) == "no_evidence"


def test_three_better_rows_among_many_equal_ones_prove_nothing() -> None:
    first, second = np.zeros(55), np.zeros(55)
    first[:3] = 0.5
    found = difference(metrics.get("json_fields")(), column(first), column(second), SETTINGS)
    assert found.p_value == pytest.approx(0.25)
    assert found.outcome(higher_is_better=True) == "no_evidence"


@pytest.mark.parametrize("name", [name for name, item in metrics.items() if item.is_bounded])
@pytest.mark.parametrize("score", [0.0, 0.4, 1.0])
def test_bounded_figures_always_keep_some_doubt(name: str, score: float) -> None:
    metric = metrics.get(name)()
    if not metric.per_row or (metric.is_share and score == 0.4):
        pytest.skip("has no such row scores")
    table = column(np.full(55, score))
    found = estimate(metric, table, SETTINGS)
    assert found.low <= score <= found.high
    assert 0.06 < found.high - found.low < 0.08
    same = difference(metric, table, table, SETTINGS)
    assert same.low < 0 == same.value < same.high
    assert 0.05 < same.detectable < 0.12


def test_all_right_against_all_wrong_is_shown_although_no_row_differs_from_another() -> None:
    found = difference(
        metrics.get("json_fields")(), column(np.ones(55)), column(np.zeros(55)), SETTINGS
    )
    assert found.outcome(higher_is_better=True) == "better"
    assert 0.8 < found.low < found.high == 1.0


def test_a_loss_that_moved_by_the_same_on_every_row_gives_nothing_to_judge_by() -> None:
    base = column(np.arange(20.0))
    found = difference(metrics.get("nll")(), base - [[0.3, 0.0]], base, SETTINGS)
    assert found.value == pytest.approx(-0.3)
    assert found.outcome(higher_is_better=False) == "no_evidence"


def test_a_macro_f1_of_one_keeps_some_doubt() -> None:
    metric = metrics.get("macro_f1")()
    named = np.eye(2)[np.arange(40) % 2]
    found = estimate(metric, np.hstack([named, named, named]), SETTINGS)
    assert found.value == found.high == 1.0
    assert 0.9 < found.low < 0.95
