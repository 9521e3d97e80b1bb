"""Searches: places of right texts, and the three figures made of them."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest

from luthier.data.rows import Origin, Triplet
from luthier.evaluation.metrics import metrics
from luthier.evaluation.outcome import Frame
from luthier.evaluation.tasks.search import anchors_of, ranked, texts_of

FRAME = Frame("search", ("x",))


def row(anchor: str, positive: str, *negatives: str) -> Triplet:
    return Triplet(origin=Origin("t", 1), anchor=anchor, positive=positive, negatives=negatives)


ROWS = [row("a", "A", "N"), row("b", "B"), row("a", "A2")]
SCORES = np.array([[0.2, 0.9, 0.8, 0.1], [0.9, 0.1, 0.8, 0.2]])
"""Texts A, N, B, A2 for the anchors a and b."""


def test_every_text_is_searched_for_every_anchor() -> None:
    assert anchors_of(ROWS) == ["a", "b"]
    assert texts_of(ROWS) == ["A", "N", "B", "A2"]
    found = ranked(ROWS, SCORES, seconds=0.0)
    assert [item.text for item in found] == ["N", "A", "N"]
    assert [item.ranks for item in found] == [(3, 4), (2,), ()]  # a's stand on its first row


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("search_hit", 0.0),
        ("search_mrr", (1 / 3 + 1 / 2) / 2),
        ("search_ndcg", ((1 / log2(4) + 1 / log2(5)) / (1 + 1 / log2(3)) + 1 / log2(3)) / 2),
    ],
)
def test_each_anchor_counts_once(metric, expected) -> None:
    kind = metrics.get(metric)()
    assert kind.fits(FRAME)
    table = kind.table(ranked(ROWS, SCORES, seconds=0.0), FRAME)
    assert float(kind.reduce(table.sum(0))) == pytest.approx(expected)


def test_an_ideal_order_scores_one() -> None:
    found = ranked(ROWS, np.array([[0.9, 0.1, 0.2, 0.8], [0.1, 0.2, 0.9, 0.3]]), seconds=0.0)
    for name in ("search_hit", "search_mrr", "search_ndcg"):
        kind = metrics.get(name)()
        assert float(kind.reduce(kind.table(found, FRAME).sum(0))) == 1.0


def test_a_text_does_not_find_itself() -> None:
    turned = [row("a", "b"), row("b", "a"), row("c", "d", "a")]
    scores = np.array([[0.9, 1.0, 0.1], [1.0, 0.9, 0.1], [0.5, 0.1, 0.9]])  # texts b, a, d
    found = ranked(turned, scores, seconds=0.0)
    assert [item.text for item in found] == ["b", "a", "d"]
    assert [item.ranks for item in found] == [(1,), (1,), (1,)]
