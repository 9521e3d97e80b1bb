"""Queries with all their documents in one row: graded, or right ones and wrong ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import DataError
from luthier.data.asked import read_rows
from luthier.data.ledger import Ledger
from luthier.data.parse import Parsed, Reading, parse_file

GRADED = {"query": "q", "documents": [{"text": "a", "relevance": 2}, {"text": "b", "relevance": 0}]}


def read(tmp_path: Path, *records: Any, ledger: Ledger | None = None, **reading: Any) -> Parsed:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return parse_file(str(path), Reading(**reading), ledger or Ledger())


@pytest.mark.parametrize(
    "record",
    [
        GRADED,
        {"query": "q", "candidates": [{"passage": "a", "label": 2}, {"passage": "b", "label": 0}]},
        {"query": "q", "docs": ["a", "b"], "labels": [2, 0]},
        {"question": "q", "documents": json.dumps(GRADED["documents"])},
        {"query": "q", "passages": {"passage_text": ["a", "b"], "is_selected": [2, 0]}},
    ],
)
def test_graded_documents_are_one_row(tmp_path: Path, record: dict[str, Any]) -> None:
    parsed = read(tmp_path, record)
    assert (parsed.shape, parsed.format) == ("ranked", "candidates")
    (row,) = parsed.rows
    assert [(item.text, item.score) for item in row.documents] == [("a", 2.0), ("b", 0.0)]  # type: ignore[attr-defined]
    assert (row.group, row.target(), row.has_order) == ("q", "[2, 0]", True)  # type: ignore[attr-defined]


def test_right_and_wrong_texts_are_a_list_to_who_ranks_and_pairs_to_others(tmp_path: Path) -> None:
    record = {"query": "q", "positives": ["a", "c"], "negatives": ["b", "a"], "negative_2": "d"}
    assert read(tmp_path, record).shape == "triplet"
    ledger = Ledger()
    (row,) = read(tmp_path, record, wants="ranked", ledger=ledger).rows
    assert row.target() == "[1, 1, 0, 0]"
    assert [item.text for item in row.documents] == ["a", "c", "b", "d"]  # type: ignore[attr-defined]
    assert not row.has_order  # type: ignore[attr-defined]
    assert "1 text among positives and negatives; taken as right" in ledger.shortened


def test_equal_documents_are_one_unless_they_contradict_each_other(tmp_path: Path) -> None:
    twice = {"query": "q", "documents": [*GRADED["documents"], {"text": "a", "relevance": 2}]}
    ledger = Ledger()
    assert read(tmp_path, twice, ledger=ledger).rows[0].target() == "[2, 0]"
    assert list(ledger.shortened) == ["documents that stand twice in one list are taken once"]
    other = {"query": "q", "documents": [*GRADED["documents"], {"text": "a", "relevance": 1}]}
    with pytest.raises(
        DataError, match=r"line 1, documents: .*'a' stands there twice, with .*2 and"
    ):
        read(tmp_path, other)


@pytest.mark.parametrize(
    ("documents", "scores", "message"),
    [
        (["a", "b", "c"], [1, 0], "2 scores for 3 documents"),
        (["a", 3], [1, 0], r"documents\[1\]: got 3 \(a number\), expected text"),
        (["a", "b"], [1, -1], r"documents\[1\]: got -1, expected 0"),
        (["a", {"name": "b"}], [1, 0], "an object of 'name', expected its text under one of text"),
        ("a", [1, 0], "expected a list of documents"),
    ],
)
def test_what_is_no_list_of_documents_is_refused(
    tmp_path: Path, documents: Any, scores: Any, message: str
) -> None:
    good = {"query": "q", "documents": ["a", "b"], "scores": [1, 0]}
    with pytest.raises(DataError, match=rf"a.jsonl line 2, .*{message}"):
        read(tmp_path, good, {"query": "q", "documents": documents, "scores": scores})


def test_a_document_without_relevance_is_named(tmp_path: Path) -> None:
    bare = {"query": "q", "documents": [{"text": "a", "relevance": 1}, {"text": "b"}]}
    with pytest.raises(DataError, match=r"documents\[1\]: .*expected how relevant it is"):
        read(tmp_path, GRADED, bare)


def test_rows_without_documents_are_dropped(tmp_path: Path) -> None:
    ledger = Ledger()
    read(tmp_path, GRADED, {"query": "q", "documents": []}, {**GRADED, "query": ""}, ledger=ledger)
    assert set(ledger.dropped) == {"no documents", "empty query"}


def test_lists_to_be_predicted_need_no_relevance(tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    path.write_text(json.dumps({"query": "q", "documents": ["a", {"text": "b"}]}) + "\n")
    (row,) = read_rows(path, wants="ranked")
    assert [item.text for item in row.documents] == ["a", "b"]  # type: ignore[attr-defined]
    assert row.target() == ""
