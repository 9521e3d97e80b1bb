"""Rows of texts that belong together: which column is which, and what cannot be used."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.core.errors import DataError
from luthier.data.asked import rows_of
from luthier.data.ledger import Ledger
from luthier.data.parse import Parsed, Reading, parse
from luthier.data.read import Opened
from luthier.data.rows import Triplet


def read(*records: dict[str, Any], wants: str = "triplet", **columns: str) -> Parsed:
    opened = Opened("rows.jsonl", "", "jsonl", ("jsonl",), iter(list(enumerate(records, start=1))))
    return parse(opened, Reading(wants=wants, columns=columns), Ledger())


@pytest.mark.parametrize(
    ("anchor", "positive"),
    [
        ("anchor", "positive"),
        ("query", "document"),
        ("query", "pos"),
        ("question", "answer"),
        ("sentence1", "sentence2"),
        ("Query", "Passage"),
        ("text", "text_pair"),
    ],
)
def test_anchor_and_positive_are_found_by_their_usual_names(anchor, positive) -> None:
    row = read({"id": 3, anchor: "one", positive: "two"}).rows[0]
    assert isinstance(row, Triplet)
    assert (row.anchor, row.positive, row.negatives) == ("one", "two", ())


@pytest.mark.parametrize(
    "negatives",
    [
        {"negative": ["x", "y"]},
        {"negative_1": "x", "negative_2": "y"},
        {"neg": '["x", "y"]'},
        {"hard_negatives": [{"text": "x"}, {"text": "y"}, "x", ""]},
    ],
)
def test_negatives_stand_in_columns_or_in_a_list(negatives) -> None:
    row = read({"anchor": "one", "positive": "two", **negatives}).rows[0]
    assert isinstance(row, Triplet)
    assert row.negatives == ("x", "y")


def test_other_columns_can_be_named() -> None:
    row = read({"a": "one", "b": "two", "c": "three"}, anchor="a", positive="b", negative="c").rows[
        0
    ]
    assert isinstance(row, Triplet)
    assert (row.anchor, row.positive, row.negatives) == ("one", "two", ("three",))


def test_sure_names_are_recognised_and_others_stay_conversations() -> None:
    assert read({"anchor": "one", "positive": "two"}, wants="auto").shape == "triplet"
    assert read({"query": "one", "pos": ["two"], "neg": ["x"]}, wants="auto").shape == "triplet"
    assert read({"question": "one", "answer": "two"}, wants="auto").shape == "chat"


def test_of_several_right_texts_the_first_is_used_and_said() -> None:
    found = read({"query": "one", "pos": ["two", "three"]})
    assert found.rows[0].target() == "two"
    assert any("only the first of several" in line for line in found.description)


def test_texts_alone_and_pairs_can_be_asked_for() -> None:
    rows = rows_of([{"anchor": "one"}, {"anchor": "one", "positive": "two"}], wants="triplet")
    assert [row.target() for row in rows] == ["", "two"]


def test_a_positive_equal_to_its_anchor_teaches_nothing() -> None:
    ledger = Ledger()
    records = [{"anchor": "a", "positive": "a"}, {"anchor": "a", "positive": "b", "negative": "b"}]
    opened = Opened("r", "", "jsonl", ("jsonl",), iter(list(enumerate(records, start=1))))
    rows = parse(opened, Reading(wants="triplet"), ledger).rows
    assert [row.negatives for row in rows if isinstance(row, Triplet)] == [()]
    assert list(ledger.dropped) == ["anchor and positive are equal"]


def test_what_is_no_text_is_refused_with_its_place() -> None:
    with pytest.raises(DataError, match=r"rows.jsonl line 1, positive: got .*expected text"):
        read({"anchor": "one", "positive": 7})
