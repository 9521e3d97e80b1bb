"""Rows of texts that belong together: which column is which, and what cannot be used."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.core.errors import DataError
from luthier.data.asked import rows_of
from luthier.data.ledger import Ledger
from luthier.data.opened import Opened
from luthier.data.parse import Parsed, Reading, parse
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


@pytest.mark.parametrize("column", ["label", "relevance", "is_duplicate"])
@pytest.mark.parametrize(("no", "yes"), [(0, 1), (False, True), ("0", "1")])
def test_pairs_that_are_said_to_be_wrong_are_left_out_and_counted(column, no, yes) -> None:
    texts = [{"sentence1": f"one {place}", "sentence2": f"two {place}"} for place in range(4)]
    found = read(*({**text, column: said} for text, said in zip(texts, [yes, no, no, yes])))
    assert [row.given() for row in found.rows] == ["one 0", "one 3"]
    assert f"belongs to it where '{column}' says so" in found.description[1]
    assert "(in 2 rows of this file)" in found.description[2]


@pytest.mark.parametrize("said", [0.4, 3, "neutral"])
def test_grades_and_classes_beside_pairs_are_refused_with_who_learns_them(said) -> None:
    pair = {"sentence1": "one", "sentence2": "two"}
    message = rf"rows.jsonl, column 'score': got '{said}' .* expected 0 or 1[^$]*cosent.*rank.*clas"
    with pytest.raises(DataError, match=message):
        read({**pair, "score": 1}, {**pair, "score": said})


def test_a_number_beside_right_and_wrong_texts_judges_no_pair() -> None:
    triplet = {"query": "one", "positive": "two", "negative": "three", "score": 0.3}
    assert len(read(triplet, {**triplet, "query": "four", "score": 0}).rows) == 2


def test_pairs_to_be_predicted_need_no_judgement() -> None:
    pair = {"sentence1": "one", "sentence2": "two", "label": 0}
    assert [row.target() for row in rows_of([pair], wants="triplet")] == ["two"]
