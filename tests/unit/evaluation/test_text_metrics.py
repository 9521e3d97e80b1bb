"""Metrics of labels, numbers, rankings, entities and answers, against the libraries that define
them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import f1_score, ndcg_score

from luthier.evaluation.chunks import Chunk, chunks
from luthier.evaluation.metrics import metrics
from luthier.evaluation.outcome import Frame, Outcome

GOLDEN = Path(__file__).parents[2] / "golden" / "seqeval.json"


def value(name: str, outcomes: list[Outcome], frame: Frame) -> float:
    metric = metrics.get(name)()
    assert metric.fits(frame)
    return float(metric.reduce(metric.table(outcomes, frame).sum(0)))


def numbered(said: list[float], true: list[float]) -> list[Outcome]:
    pairs = zip(said, true, strict=True)
    return [Outcome(i, str(b), str(a)) for i, (a, b) in enumerate(pairs)]


@pytest.mark.parametrize("case", json.loads(GOLDEN.read_text())["cases"])
def test_entity_f1_is_that_of_seqeval(case: dict) -> None:
    found = [
        Outcome(i, " ".join(true), " ".join(said))
        for i, (true, said) in enumerate(zip(case["true"], case["said"], strict=True))
    ]
    frame = Frame("entities", tuple(item.target for item in found))
    assert value("entity_f1", found, frame) == pytest.approx(case["f1"], abs=1e-12)
    details = metrics.get("entity_f1")().details(found, frame)["classes"]
    for name, figures in case["report"].items():
        assert details[name]["precision"] == pytest.approx(figures["precision"], abs=1e-12)
        assert details[name]["recall"] == pytest.approx(figures["recall"], abs=1e-12)
        assert details[name]["f1"] == pytest.approx(figures["f1-score"], abs=1e-12)
        assert details[name]["entities"] == figures["support"]


def test_an_inside_that_continues_nothing_begins_an_entity() -> None:
    tags = ["I-A", "I-A", "B-A", "O", "I-B", "I-A"]
    assert chunks(tags) == [Chunk(0, 2, "A"), Chunk(2, 3, "A"), Chunk(4, 5, "B"), Chunk(5, 6, "A")]


def test_f1_of_labels_is_that_of_scikit_learn() -> None:
    draws = np.random.default_rng(0)
    names = ("a", "b", "c", "d")
    true, said = (draws.random((30, 4)) < 0.3 for _ in range(2))

    def text(line: np.ndarray) -> str:
        return json.dumps([name for name, is_there in zip(names, line, strict=True) if is_there])

    found = [Outcome(i, text(t), text(s)) for i, (t, s) in enumerate(zip(true, said, strict=True))]
    frame = Frame("labels", tuple(item.target for item in found), names)
    for name, average in (("label_f1", "micro"), ("label_macro_f1", "macro")):
        assert value(name, found, frame) == pytest.approx(f1_score(true, said, average=average))
    exact = np.mean([bool((t == s).all()) for t, s in zip(true, said, strict=True)])
    assert value("label_match", found, frame) == pytest.approx(exact)


def test_correlations_are_those_of_scipy_ties_included() -> None:
    draws = np.random.default_rng(1)
    true = draws.integers(0, 6, 40).astype(float).tolist()
    said = (np.array(true) + draws.normal(size=40)).round(1).tolist()
    frame = Frame("number", tuple(map(str, true)))
    found = numbered(said, true)
    assert value("spearman", found, frame) == pytest.approx(spearmanr(said, true).statistic)
    assert value("pearson", found, frame) == pytest.approx(pearsonr(said, true).statistic)
    error = np.sqrt(np.mean((np.array(said) - np.array(true)) ** 2))
    assert value("rmse", found, frame) == pytest.approx(error)


def test_a_constant_answer_agrees_with_nothing() -> None:
    found = numbered([2.0, 2.0, 2.0], [1.0, 2.0, 3.0])
    assert value("spearman", found, Frame("number", ("1", "2", "3"))) == 0.0


def test_rankings_are_scored_by_query() -> None:
    said = [3.0, 2.0, 1.0, 1.0, 5.0, 9.0]
    true = [0.0, 1.0, 0.0, 2.0, 1.0, 0.0]
    found = numbered(said, true)
    frame = Frame("order", tuple(map(str, true)), groups=("q", "q", "q", "p", "p", "alone"))
    expected = np.mean([ndcg_score([true[:3]], [said[:3]]), ndcg_score([true[3:5]], [said[3:5]])])
    assert value("ndcg", found, frame) == pytest.approx(expected)
    assert value("mrr", found, frame) == pytest.approx(np.mean([1 / 2, 1.0]))


def test_equal_scores_are_no_order_of_the_file() -> None:
    found = numbered([0.0, 0.0, 0.0], [1.0, 0.0, 0.0])
    frame = Frame("order", ("1", "0", "0"), groups=("q",) * 3)
    assert value("mrr", found, frame) == pytest.approx(1 / 2)
    assert 0 < value("ndcg", found, frame) < 1


@pytest.mark.parametrize(
    ("said", "right", "exact", "overlap"),
    [
        ("The red cat!", ["red cat"], 1.0, 1.0),
        ("red cat", ["a dog", "the red"], 0.0, 2 / 3),
        ("", [], 1.0, 1.0),
        ("cat", [], 0.0, 0.0),
        ("", ["cat"], 0.0, 0.0),
    ],
)
def test_answers_are_judged_as_by_squad(
    said: str, right: list[str], exact: float, overlap: float
) -> None:
    found = [Outcome(0, json.dumps(right), said)]
    frame = Frame("find", (found[0].target,))
    assert value("answer_match", found, frame) == exact
    assert value("answer_f1", found, frame) == pytest.approx(overlap)
