"""Lists of documents are judged by query, whatever rows they stand in, against cheap rivals."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from sklearn.metrics import ndcg_score
from tests import tiny

from luthier.data.rows import Candidate, Origin, Ranked, Row
from luthier.evaluation.arms import arms
from luthier.evaluation.bench import Bench
from luthier.evaluation.frame import frame_of
from luthier.evaluation.metrics import metrics
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.predict import predict
from luthier.objectives import objectives

RIGHT, WRONG = Candidate("a red cat", 1.0), Candidate("green and blue", 0.0)


def ranked(line: int, query: str, *documents: Candidate, **more: Any) -> Ranked:
    return Ranked(origin=Origin("a", line), query=query, documents=documents, **more)


def bench(rows: list[Row], train: list[Row] | None = None) -> Bench:
    subject = SimpleNamespace(train=train or [])
    return cast(
        "Bench", SimpleNamespace(rows=rows, subject=subject, frame=frame_of([], rows), notes={})
    )


def value(name: str, found: list[Outcome], frame: Frame) -> float:
    metric = metrics.get(name)()
    return float(metric.reduce(metric.table(found, frame).sum(0)))


def test_a_query_is_judged_as_one_be_it_in_a_list_or_in_rows() -> None:
    listed = Frame("order", ("[1, 0, 2]", "[0, 1]"), groups=("q", "p"))
    single = Frame("order", ("1", "0", "2", "0", "1"), groups=("q",) * 3 + ("p",) * 2)
    said = [[0.1, 3.0, 2.0], [1.0, 0.5]]
    in_lists = [Outcome(n, listed.targets[n], str(line)) for n, line in enumerate(said)]
    flat = [number for line in said for number in line]
    in_rows = [Outcome(n, single.targets[n], str(number)) for n, number in enumerate(flat)]
    expected = np.mean(
        [ndcg_score([[1, 0, 2]], [said[0]], k=10), ndcg_score([[0, 1]], [said[1]], k=10)]
    )
    assert value("ndcg", in_lists, listed) == pytest.approx(expected)
    for name in ("ndcg", "mrr"):
        assert value(name, in_lists, listed) == pytest.approx(value(name, in_rows, single))


def test_a_document_behind_the_tenth_place_is_not_found() -> None:
    true = [1.0, *[0.0] * 14]
    frame = Frame("order", (str(true),), groups=("q",))
    for place in (10, 11):
        said = [-(place - 0.5), *[-float(n) for n in range(1, 15)]]
        found = value("mrr", [Outcome(0, str(true), str(said))], frame)
        assert found == pytest.approx(0.1 if place == 10 else 0.0)


def test_queries_of_one_group_of_the_users_are_judged_apart() -> None:
    rows: list[Row] = [
        ranked(1, "q", RIGHT, WRONG, group="topic"),
        ranked(2, "p", RIGHT, WRONG, group="topic"),
    ]
    assert frame_of([], rows).groups == ("q", "p")


def test_full_text_search_finds_words_of_the_query_in_lists() -> None:
    rows: list[Row] = [ranked(1, "which cat", WRONG, RIGHT), ranked(2, "what is green", WRONG)]
    found = arms.get("bm25")().outcomes(bench(rows))
    first, second = eval(found[0].text)
    assert second > first == 0.0
    assert float(found[1].text) > 0


def test_the_order_of_the_file_is_a_rival_only_where_it_is_one() -> None:
    rows: list[Row] = [ranked(1, "q", WRONG, RIGHT), ranked(2, "q", WRONG)]
    arm = arms.get("as_given")()
    assert arm.missing(bench(rows)) == ""
    assert [item.text for item in arm.outcomes(bench(rows))] == ["[-0, -1]", "-2"]
    parted: list[Row] = [ranked(1, "q", RIGHT, WRONG, has_order=False)]
    assert "no order of their own" in arm.missing(bench(parted))


def test_predictions_of_lists_are_sorted_and_single_documents_keep_their_line() -> None:
    kind = objectives.get("rank")
    bundle = tiny.bundle("bert", labels=("relevance",))
    texts = ("red", "green is blue", "one")
    rows: list[Row] = [
        ranked(1, "q", *map(Candidate, texts)),
        *(ranked(2, "p", Candidate(text)) for text in texts),
    ]
    first, *others = predict(bundle, kind(kind.Config(loss="listwise")), rows)
    said = first["documents"]
    assert [item["rank"] for item in said] == [1, 2, 3]
    assert [item["relevance"] for item in said] == sorted(
        (item["relevance"] for item in said), reverse=True
    )
    assert [texts[item["place"]] for item in said] == [item["text"] for item in said]
    assert sorted(item["rank"] for item in others) == [1, 2, 3]
