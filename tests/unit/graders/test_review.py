"""What is said of a grader's scores before anybody learns from them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from luthier.data.rows import Message
from luthier.graders import Answer, Review, Score, review


def reviewed(
    values: list[float], lengths: list[int] | None = None, *, per_prompt: int = 1
) -> Review:
    lengths = lengths or [7 * (n % 5) + 1 for n in range(len(values))]
    answers = [
        Answer(
            messages=(Message("user", str(n // per_prompt)),),
            completion="x" * length,
            origin=f"f line {n // per_prompt}",
        )
        for n, length in enumerate(lengths)
    ]
    return review(answers, [Score(value) for value in values], bounds=(0.0, 1.0))


def kinds(found: Review) -> list[str]:
    return [item.kind for item in found.findings]


def test_a_grader_that_tells_completions_apart_stands() -> None:
    found = reviewed([0.0, 1.0] * 10)
    assert kinds(found) == []
    assert (found.mean, found.counts) == (0.5, {"0": 10, "1": 10})


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        ([0.5] * 20, "constant", "every completion scores 0.5"),
        ([1.0] * 20 + [0.0], "saturated", "score 1; little is left"),
        ([0.0] * 20 + [1.0], "saturated", "score 0; hardly any example"),
    ],
)
def test_scores_that_hardly_differ_are_named(values: list[float], kind: str, words: str) -> None:
    found = reviewed(values)
    assert kinds(found) == [kind]
    assert words in found.findings[0].text
    assert not found.is_broken


def test_scores_that_follow_the_length_are_named() -> None:
    lengths = list(range(1, 21))
    found = reviewed([n / 20 for n in lengths], lengths)
    assert kinds(found) == ["length"]
    assert "longer completions score higher (rank correlation 1.00)" in found.findings[0].text
    assert "shorter" in reviewed([-n / 20 for n in lengths], lengths).findings[0].text


def test_a_window_of_lengths_is_named_too() -> None:
    lengths = [7 * n % 80 + 1 for n in range(80)]
    window = [max(0.0, 1 - max(20 - n, n - 40, 0) / 10) for n in lengths]
    found = reviewed(window, lengths)
    assert abs(found.length_correlation) < 0.85
    assert kinds(found) == ["length"]
    assert "completions as long score alike" in found.findings[0].text


def test_scores_that_only_lean_on_the_length_stand() -> None:
    draws = np.random.default_rng(0)
    lengths = draws.integers(1, 200, 64)
    values = draws.random(64) + lengths / 400
    assert kinds(reviewed(values.tolist(), lengths.tolist())) == []


def test_few_scores_that_are_all_the_same_are_named() -> None:
    assert kinds(reviewed([0.5, 0.5])) == ["constant"]
    assert kinds(reviewed([0.5, 0.6])) == []
    assert kinds(reviewed([0.5])) == []


def test_a_score_that_is_no_number_breaks_the_grader() -> None:
    found = reviewed([0.0, math.nan, 1.0] * 5)
    assert kinds(found) == ["not a number"]
    assert found.is_broken
    assert "gives nan for 5 of 15 completions, first at f line 1" in found.findings[0].text


def test_failing_on_some_rows_is_named_and_on_all_breaks_it() -> None:
    answers = [Answer(messages=(), completion="x", origin=f"f line {n}") for n in range(4)]
    scores = [Score(0.0, "line 3: KeyError"), Score(1.0), Score(0.0), Score(1.0)]
    found = review(answers, scores, bounds=None)
    assert kinds(found) == ["failing"]
    assert not found.is_broken
    assert "fails on 1 of 4 completions" in found.findings[0].text
    assert review(answers[:1], scores[:1], bounds=None).is_broken


def test_the_share_of_prompts_that_teach_nothing_is_counted() -> None:
    assert reviewed([1.0, 1.0, 0.0, 1.0] * 4, per_prompt=2).undecided_share == 0.5
    assert math.isnan(reviewed([0.0, 1.0] * 4).undecided_share)
