"""Intervals, tests and power against closed forms, scipy and simulation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from luthier.evaluation.alike import alike_interval
from luthier.evaluation.bootstrap import interval
from luthier.evaluation.mcnemar import mcnemar
from luthier.evaluation.metrics._mean import mean
from luthier.evaluation.power import detectable, detectable_share, rows_needed
from luthier.evaluation.proportion import paired_difference, share_interval
from luthier.evaluation.swaps import swap_test

DRAWS: dict[str, Any] = {"confidence": 0.95, "num_resamples": 2000, "seed": 0}


def column(values: np.ndarray) -> np.ndarray:
    return np.stack([values, np.ones_like(values)], axis=1)


def test_the_interval_of_a_mean_agrees_with_scipys_bca() -> None:
    values = np.random.default_rng(0).exponential(size=80)
    found = interval((column(values),), mean, **DRAWS)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(expected.low, abs=0.03)
    assert found.high == pytest.approx(expected.high, abs=0.03)


def test_paired_intervals_use_that_the_rows_are_the_same() -> None:
    generator = np.random.default_rng(0)
    hard = generator.normal(size=60) * 5
    better, worse = hard + 1 + generator.normal(size=60) * 0.1, hard
    paired = interval((column(better), column(worse)), mean, **DRAWS)
    assert 0.9 < paired.low < 1.0 < paired.high < 1.1


def test_the_same_seed_gives_the_same_interval() -> None:
    table = column(np.random.default_rng(0).normal(size=30))
    assert interval((table,), mean, **DRAWS) == interval((table,), mean, **DRAWS)


def test_few_rows_widen_the_interval_as_students_t_does() -> None:
    values = np.random.default_rng(3).normal(size=8)
    found = interval((column(values),), mean, **DRAWS)
    low, high = stats.t.interval(0.95, 7, values.mean(), stats.sem(values))
    assert found.high - found.low == pytest.approx(high - low, rel=0.1)


def test_one_row_or_equal_rows_have_the_figure_of_the_rows() -> None:
    found = interval((column(np.array([0.3])),), mean, **DRAWS)
    assert (found.value, found.deviation) == (pytest.approx(0.3), pytest.approx(0.0))
    found = interval((column(np.full(20, 0.5)),), mean, **DRAWS)
    assert (found.value, found.deviation) == (0.5, pytest.approx(0.0))


def test_means_weigh_rows_by_their_tokens() -> None:
    table = np.array([[10.0, 10.0], [0.0, 90.0]])
    assert interval((table,), mean, **DRAWS).value == pytest.approx(0.1)


def test_mcnemar_is_the_exact_binomial_test() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == pytest.approx(2 * 0.5**5)
    assert mcnemar(9, 3) == pytest.approx(float(stats.binomtest(9, 12, 0.5).pvalue))
    assert mcnemar(3, 9) == mcnemar(9, 3)


def test_swapping_scores_of_right_and_wrong_is_mcnemars_exact_test() -> None:
    first = np.repeat([1.0, 0.0, 1.0, 0.0], [8, 3, 20, 20])
    second = np.repeat([0.0, 1.0, 1.0, 0.0], [8, 3, 20, 20])
    found = swap_test(column(first), column(second), mean, num_resamples=100, seed=0)
    assert found == pytest.approx(mcnemar(8, 3))


def test_drawn_swaps_agree_with_the_t_test_and_are_never_zero() -> None:
    generator = np.random.default_rng(0)
    base, moved = generator.normal(size=40), generator.normal(size=40) * 0.5 + 0.15
    found = swap_test(column(base + moved), column(base), mean, num_resamples=4000, seed=0)
    expected = 2 * stats.t.sf(abs(moved.mean()) / stats.sem(moved), 39)
    assert found == pytest.approx(expected, abs=0.02)
    far = swap_test(column(base + 5), column(base), mean, num_resamples=99, seed=0)
    assert far == pytest.approx(1 / 100)


def test_equal_tables_differ_by_chance_only() -> None:
    table = column(np.arange(5.0))
    assert swap_test(table, table, mean, num_resamples=100, seed=0) == 1.0


@pytest.mark.parametrize("right", [0, 20])
def test_rows_alike_have_wilsons_interval(right: int) -> None:
    low, high = alike_interval(right / 20, 20, lowest=0.0, confidence=0.95)
    assert (low, high) == pytest.approx(share_interval(right, 20, confidence=0.95))


def test_shares_keep_doubt_when_every_answer_is_right() -> None:
    low, high = share_interval(50, 50, confidence=0.95)
    assert 0.92 < low < 0.94
    assert high == 1.0


def test_a_difference_keeps_doubt_when_the_two_never_disagree() -> None:
    found = paired_difference(0, 0, 50, confidence=0.95)
    assert found.low < 0 == found.value < found.high


def test_the_interval_of_a_paired_difference_covers_the_truth() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        fixed, broken, _same = generator.multinomial(50, [0.25, 0.10, 0.65])
        found = paired_difference(int(fixed), int(broken), 50, confidence=0.95)
        covered += found.low <= 0.15 <= found.high
    assert 0.94 <= covered / 2000 <= 0.97


def test_a_detectable_difference_is_seen_in_four_of_five_tests() -> None:
    generator, num_rows = np.random.default_rng(0), 200
    least = detectable_share(num_rows, disagreement=0.2)
    seen = 0
    for _ in range(1000):
        shares = [(0.2 + least) / 2, (0.2 - least) / 2, 0.8]
        fixed, broken, _same = generator.multinomial(num_rows, shares)
        seen += paired_difference(int(fixed), int(broken), num_rows, confidence=0.95).low > 0
    assert 0.75 <= seen / 1000 <= 0.88


def test_power_has_its_textbook_factor() -> None:
    assert detectable(1.0) == pytest.approx(1.95996 + 0.84162, abs=1e-4)
    assert rows_needed(0.1, disagreement=0.2) == math.ceil(0.2 * 2.80158**2 / 0.01)
