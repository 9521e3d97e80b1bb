"""Every metric against a count by hand or the library that defines it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import f1_score

from luthier.evaluation.confusion import confusion, per_class
from luthier.evaluation.difference import Settings, difference, estimate, flips
from luthier.evaluation.frame import frame_from
from luthier.evaluation.metrics import metrics
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.tasks import tasks
from luthier.evaluation.text import json_object, normalised

SETTINGS = Settings(confidence=0.95, num_resamples=300, seed=0)


def value(name: str, *pairs: tuple[str, str], classes: tuple[str, ...] = ()) -> float:
    metric = metrics.get(name)()
    frame = frame_from([target for _, target in pairs], classes)
    outcomes = [Outcome(row, target, text) for row, (text, target) in enumerate(pairs)]
    return float(metric.reduce(metric.table(outcomes, frame).sum(0)))


def test_exact_match_forgives_case_space_quotes_and_a_full_stop_only() -> None:
    assert value("exact_match", (" Paris. ", "paris"), ('"Paris"', "Paris")) == 1.0
    assert value("exact_match", ("Paris is it", "Paris"), ("", "Paris")) == 0.0


def test_exact_match_compares_json_as_values() -> None:
    assert value("exact_match", ('{"b": 1, "a": "X"}', '{"a":"x","b":1}')) == 1.0
    assert value("exact_match", ('{"a": "x", "b": 1, "c": 2}', '{"a":"x","b":1}')) == 0.0


def test_json_fields_counts_missing_wrong_and_invented_fields() -> None:
    wanted = json.dumps({"a": "x", "b": {"c": 1, "d": [1, 2]}})
    assert value("json_fields", (wanted, wanted)) == 1.0
    assert value("json_fields", ('{"a": "X", "b": {"c": 2}}', wanted)) == pytest.approx(1 / 3)
    invented = '{"a": "x", "b": {"c": 1, "d": [1, 2]}, "e": 0}'
    assert value("json_fields", (invented, wanted)) == pytest.approx(3 / 4)
    assert value("json_fields", ("a: x", wanted)) == 0.0


def test_true_is_not_one() -> None:
    assert value("json_fields", ('{"a": 1}', '{"a": true}')) == 0.0


def test_json_in_a_code_fence_is_json_and_text_around_it_is_not() -> None:
    assert json_object('```json\n{"a": 1}\n```') == {"a": 1}
    assert json_object('Here is it:\n```json\n{"a": 1}\n```\nAnything else?') == {"a": 1}
    assert json_object('```\n{"a": 1}\n```\n```\n{"a": 2}\n```') is None
    assert json_object('{"a": "```\\n{}\\n```"}') == {"a": "```\n{}\n```"}
    assert json_object('Here: {"a": 1}') is None
    assert json_object("[1]") is None
    assert json_object("[" * 100_000) is None


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_know_are_no_json(number: str) -> None:
    assert json_object(f'{{"a": {number}}}') is None


@pytest.mark.parametrize("text", ['"yes".', '"yes."', "'Yes'", "“yes.”", "yes.", " YES "])
def test_quotes_and_a_full_stop_are_forgiven_in_either_order(text: str) -> None:
    assert normalised(text) == "yes"


@pytest.mark.parametrize("text", ["yes!", "yes?", '"yes', "5'", "ye's"])
def test_nothing_else_is_forgiven(text: str) -> None:
    assert normalised(text) == text


@pytest.mark.parametrize("text", [".", '""', "!"])
def test_a_text_of_nothing_but_that_stays(text: str) -> None:
    assert normalised(text) == text


def test_normalising_keeps_what_differs() -> None:
    assert normalised("A  b.") == "a b"
    assert normalised("a-b") != normalised("a b")


def test_macro_f1_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    names = ("a", "b", "c", "d")
    true = [names[i] for i in generator.integers(0, 3, 60)]
    named = [names[i] for i in generator.integers(0, 4, 60)]
    expected = f1_score(true, named, average="macro", zero_division=0)
    assert value("macro_f1", *zip(named, true, strict=True), classes=names) == pytest.approx(
        expected
    )


def test_rouge_l_is_the_f_measure_of_the_longest_common_subsequence() -> None:
    assert value("rouge_l", ("the cat sat", "the cat lay")) == pytest.approx(2 / 3)


def test_rouge_l_reads_any_script() -> None:
    assert value("rouge_l", ("Привет, мир", "Привет, мир")) == 1.0
    assert value("rouge_l", ("Größe", "Grüße")) == 0.0


def test_nll_is_divided_by_tokens_once() -> None:
    metric = metrics.get("nll")()
    frame = Frame("read", ("", ""))
    outcomes = [Outcome(0, "", nll=10.0, tokens=10), Outcome(1, "", nll=0.0, tokens=90)]
    assert metric.reduce(metric.table(outcomes, frame).sum(0)) == pytest.approx(0.1)


def test_rows_that_were_not_written_do_not_count() -> None:
    metric = metrics.get("rouge_l")()
    outcomes = [Outcome(0, "yes", "yes"), Outcome(1, "yes", has_text=False)]
    table = metric.table(outcomes, Frame("answer", ("yes", "yes")))
    assert estimate(metric, table, SETTINGS).n == 1
    assert metric.reduce(table.sum(0)) == 1.0


def test_calibration_is_the_gap_between_confidence_and_being_right() -> None:
    metric = metrics.get("calibration")()
    frame = Frame("label", ("a",) * 10, ("a", "b"))
    outcomes = [Outcome(row, "ab"[row < 4], "a", probabilities=(0.9, 0.1)) for row in range(10)]
    assert metric.reduce(metric.table(outcomes, frame).sum(0)) == pytest.approx(0.3)


def test_labels_that_differ_in_case_or_punctuation_are_different_classes() -> None:
    names = ("C", "c", "!", ".")
    frame = Frame("label", names, names)
    outcomes = [Outcome(row, name, name) for row, name in enumerate(names)]
    assert confusion(outcomes, frame)["counts"] == np.eye(4, dtype=int).tolist()
    assert all(found["f1"] == 1.0 for found in per_class(outcomes, frame).values())
    metric = metrics.get("macro_f1")()
    assert metric.reduce(metric.table(outcomes, frame).sum(0)) == 1.0


def test_confusion_counts_every_row_once_and_keeps_answers_of_no_class() -> None:
    frame = Frame("answer", ("a", "b", "b"), ("a", "b"))
    outcomes = [Outcome(0, "a", "a"), Outcome(1, "b", "a"), Outcome(2, "b", "what?")]
    found = confusion(outcomes, frame)
    assert found["counts"] == [[1, 0, 0], [1, 0, 1], [0, 0, 0]]
    assert per_class(outcomes, frame)["a"] == {
        "precision": 0.5,
        "recall": 1.0,
        "f1": pytest.approx(2 / 3),
        "rows": 1.0,
    }


def test_a_share_and_its_difference_agree_with_counting() -> None:
    metric = metrics.get("exact_match")()
    frame = frame_from(["x"] * 20, ())
    good = metric.table([Outcome(i, "x", "x" if i < 15 else "") for i in range(20)], frame)
    bad = metric.table([Outcome(i, "x", "x" if i >= 12 else "") for i in range(20)], frame)
    assert estimate(metric, good, SETTINGS).value == 0.75
    found = difference(metric, good, bad, SETTINGS)
    assert (found.value, found.n) == (pytest.approx(0.35), 20)
    assert flips(metric, good, bad) == {"fixed": list(range(12)), "broken": list(range(15, 20))}


def test_graded_scores_flip_where_they_rise_or_fall() -> None:
    metric = metrics.get("json_fields")()
    tuned = np.array([[0.5, 1.0], [1.0, 1.0], [0.25, 1.0], [0.0, 0.0]])
    against = np.array([[0.25, 1.0], [1.0, 1.0], [0.5, 1.0], [1.0, 1.0]])
    assert flips(metric, tuned, against) == {"fixed": [0], "broken": [2]}


FRAMES = [
    Frame("label", ("a", "b"), ("a", "b")),
    Frame("answer", ('{"x": 1}', '{"x": 2}'), is_json=True),
    Frame("answer", ("a", "b")),
    Frame("find", ('["a"]', '["b"]')),
    Frame("labels", ('["a"]', '["b"]'), ("a", "b")),
    Frame("number", ("1", "2")),
    Frame("order", ("1", "0"), groups=("q", "q")),
    *(Frame(task, ("a", "b")) for task in tasks.names()),
]
"""One for what each metric says something about, whatever it is."""


@pytest.mark.parametrize("name", metrics.names())
def test_every_metric_takes_sums_in_any_leading_shape(name: str) -> None:
    metric = metrics.get(name)()
    frame = next(frame for frame in FRAMES if metric.fits(frame))
    outcomes = [
        Outcome(place, target, target, probabilities=(0.7, 0.3), nll=1.0, tokens=2.0)
        for place, target in enumerate(frame.targets)
    ]
    sums = metric.table(outcomes, frame).sum(0)
    assert metric.reduce(np.stack([sums, sums])).shape == (2,)
    assert metric.reduce(sums).shape == ()
    assert np.isfinite(metric.reduce(np.zeros_like(sums)))
