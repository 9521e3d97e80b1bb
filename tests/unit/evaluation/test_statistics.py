"""Intervals, tests and power against closed forms, scipy and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from luthier.evaluation.bootstrap import interval
from luthier.evaluation.mcnemar import mcnemar
from luthier.evaluation.metrics._mean import mean
from luthier.evaluation.power import detectable, detectable_share, rows_needed
from luthier.evaluation.proportion import paired_difference, share_interval

DRAWS = {"confidence": 0.95, "num_resamples": 2000, "seed": 0}


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


def test_equal_rows_give_an_interval_without_width() -> None:
    found = interval((column(np.full(20, 0.5)),), mean, **DRAWS)
    assert (found.low, found.value, found.high) == (0.5, 0.5, 0.5)


def test_one_row_is_enough_to_have_an_interval() -> None:
    found = interval((column(np.array([0.3])),), mean, **DRAWS)
    assert found.low == found.high == pytest.approx(0.3)


def test_means_weigh_rows_by_their_tokens() -> None:
    table = np.array([[10.0, 10.0], [0.0, 90.0]])
    assert interval((table,), mean, **DRAWS).value == pytest.approx(0.1)


def test_mcnemar_is_the_exact_binomial_test() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == pytest.approx(2 * 0.5**5)
    assert mcnemar(9, 3) == pytest.approx(float(stats.binomtest(9, 12, 0.5).pvalue))
    assert mcnemar(3, 9) == mcnemar(9, 3)


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
