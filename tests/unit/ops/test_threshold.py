"""The threshold of the highest F1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from sklearn.metrics import f1_score

from luthier.ops.threshold import best_threshold

DECISIONS = some.lists(
    some.tuples(some.sampled_from([0.1, 0.2, 0.35, 0.5, 0.8, 0.95]), some.booleans()), min_size=1
)


@given(DECISIONS)
def test_no_other_threshold_gives_a_higher_f1(decisions: list[tuple[float, bool]]) -> None:
    said, true = (np.array(column, float) for column in zip(*decisions, strict=True))
    threshold, f1 = best_threshold(said, true)
    assert f1 == pytest.approx(f1_score(true, said >= threshold, zero_division=0))
    for other in (0.0, 0.15, 0.3, 0.4, 0.6, 0.9, 1.0):
        assert f1 >= f1_score(true, said >= other, zero_division=0) - 1e-12


def test_it_lies_between_what_is_said_yes_to_and_what_is_not() -> None:
    said = np.array([[0.9, 0.3], [0.1, 0.2]])
    assert best_threshold(said, np.array([[1.0, 1.0], [0.0, 0.0]])) == (pytest.approx(0.25), 1.0)


def test_probabilities_that_are_true_are_cut_at_half_of_the_f1() -> None:
    """Lipton et al. 2014, theorem 2."""
    draws = np.random.default_rng(0)
    said = draws.beta(0.7, 2.5, 200_000)
    true = (draws.random(len(said)) < said).astype(float)
    threshold, f1 = best_threshold(said, true)
    assert threshold == pytest.approx(f1 / 2, abs=0.02)


def test_without_anything_to_find_it_is_one_half() -> None:
    assert best_threshold(np.array([0.2, 0.9]), np.zeros(2)) == (0.5, 0.0)
    assert best_threshold(np.zeros((0, 3)), np.zeros((0, 3))) == (0.5, 0.0)
