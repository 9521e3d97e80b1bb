"""What is said about the tuned model, and when."""

from __future__ import annotations

import numpy as np
import pytest

from luthier.evaluation.difference import Settings, Table
from luthier.evaluation.metrics import metrics
from luthier.evaluation.results import Verdict
from luthier.evaluation.verdict import Opponent, verdict

SETTINGS = Settings(confidence=0.95, num_resamples=400, seed=0)


def column(values: np.ndarray) -> Table:
    return np.stack([values, np.ones_like(values)], axis=1)


def judged(tuned: np.ndarray, *others: np.ndarray, metric: str = "exact_match") -> Verdict:
    """Against untrained arms named by number."""
    tables = {"tuned": column(tuned)} | {str(at): column(arm) for at, arm in enumerate(others)}
    arms = {name: Opponent("untrained", f"arm {name}") for name in tables}
    arms["tuned"] = Opponent("tuned", "the tuned model")
    return verdict(metric, metrics.get(metric)(), tables, arms, SETTINGS)


def test_one_row_is_called_one_row_and_too_few() -> None:
    found = judged(np.ones(1), np.zeros(1))
    assert found.outcome == "no_evidence"
    assert found.words.startswith("On 1 test row it never saw, ")
    assert "too few to tell" in found.words


def test_rows_that_are_judged_together_are_not_called_rows_each() -> None:
    table = column(np.zeros(6))
    table[[1, 2, 4, 5]] = 0.0  # two queries of three documents
    arms = {
        "tuned": Opponent("tuned", "the tuned model"),
        "base": Opponent("untrained", "the base"),
    }
    found = verdict("ndcg", metrics.get("ndcg")(), {"tuned": table, "base": table}, arms, SETTINGS)
    assert found.words.startswith("On 6 test rows it never saw, which make 2 to judge by, the ")


def test_alone_nothing_is_compared() -> None:
    found = judged(np.ones(20))
    assert (found.outcome, found.against) == ("no_evidence", "")
    assert found.words == (
        "On 20 test rows it never saw, the share of answers exactly right is 100.0 % for the tuned "
        "model. There is nothing to compare it with: neither the untrained model nor a cheap rival "
        "ran."
    )


def test_an_interval_without_a_test_behind_it_is_explained() -> None:
    tuned, base = np.zeros(55), np.zeros(55)
    tuned[:14], base[14:19] = 1.0, 1.0
    found = judged(tuned, base)
    assert found.outcome == "no_evidence"
    assert "luck alone does as much in 6.4 % of such tests" in found.words.replace("%", " %")


def test_losing_to_one_of_several_arms_counts_all_of_them() -> None:
    tuned, base, none = np.zeros(60), np.zeros(60), np.zeros(60)
    base[:6] = 1.0
    alone = judged(tuned, base)
    assert (alone.outcome, alone.p_value) == ("worse", pytest.approx(2 * 0.5**6))
    found = judged(tuned, base, none, none)
    assert (found.against, found.outcome) == ("0", "no_evidence")
    assert found.p_value == pytest.approx(6 * 0.5**6)


def test_winning_against_the_best_of_several_arms_needs_no_correction() -> None:
    tuned, base, none = np.zeros(60), np.zeros(60), np.zeros(60)
    tuned[:8] = 1.0
    assert judged(tuned, base, none, none) == judged(tuned, base)


def test_three_equal_rivals_make_the_tuned_model_look_worse_no_more_often_than_one() -> None:
    generator, number, worse = np.random.default_rng(0), 600, 0
    for _ in range(number):
        arms = generator.random((4, 100)) < 0.5
        worse += judged(*arms.astype(np.float64)).outcome == "worse"
    # 2.5 % on this side, and three errors of this simulation
    assert worse / number <= 0.025 + 3 * (0.025 * 0.975 / number) ** 0.5
