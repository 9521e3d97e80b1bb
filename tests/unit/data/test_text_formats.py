"""Texts with several labels, with numbers, with documents, with questions: read, or refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import DataError
from luthier.data.asked import read_asked
from luthier.data.ledger import Ledger
from luthier.data.parse import Parsed, Reading, parse_file
from luthier.data.rows import Scored, Span

PARAGRAPH = "The red cat sat. The cat slept."


def read(tmp_path: Path, *records: Any, ledger: Ledger | None = None, **reading: Any) -> Parsed:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return parse_file(str(path), Reading(**reading), ledger or Ledger())


# --- several labels ------------------------------------------------------------------------------


def test_lists_of_labels_are_several_labels(tmp_path: Path) -> None:
    parsed = read(tmp_path, {"text": "x", "labels": ["b", "a"]}, {"text": "y", "labels": []})
    assert parsed.shape == "multilabeled"
    assert [row.labels for row in parsed.rows] == [("a", "b"), ()]  # type: ignore[attr-defined]


def test_lists_of_one_label_each_are_classes_unless_asked_otherwise(tmp_path: Path) -> None:
    records = [{"text": "x", "label": ["a"]}, {"text": "y", "label": ["b"]}]
    assert read(tmp_path, *records).shape == "labeled"
    assert read(tmp_path, *records, wants="multilabeled").shape == "multilabeled"


@pytest.mark.parametrize("mark", ["|", ";", ", "])
def test_labels_with_a_mark_between_are_told_apart(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(f"text\tgenres\nx\tdrama{mark}war\ny\tdrama\nz\t\n")
    parsed = parse_file(str(path), Reading(wants="multilabeled"), Ledger())
    assert [row.labels for row in parsed.rows] == [("drama", "war"), ("drama",), ()]  # type: ignore[attr-defined]


def test_the_mark_between_labels_is_told_from_all_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    early = "".join(f"x{index}\tdrama\n" for index in range(150))
    path.write_text(f"text\tgenres\n{early}y\tdrama;war\nz\tdrama;love\nw\tgood | bad\n")
    parsed = parse_file(str(path), Reading(wants="multilabeled"), Ledger())
    labels = [row.labels for row in parsed.rows]  # type: ignore[attr-defined]
    assert labels[-3:] == [("drama", "war"), ("drama", "love"), ("good | bad",)]
    assert "with ';' between several" in parsed.description[1]


def test_columns_of_0_and_1_are_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,comment,toxic,insult\n1,you fool,1,1\n2,hello,0,0\n3,grr,1,0\n")
    parsed = parse_file(str(path), Reading(), Ledger())
    assert [row.labels for row in parsed.rows] == [("insult", "toxic"), (), ("toxic",)]  # type: ignore[attr-defined]


# --- numbers -------------------------------------------------------------------------------------


def test_pairs_with_a_similarity_are_scored(tmp_path: Path) -> None:
    parsed = read(tmp_path, {"sentence1": "a", "sentence2": "b", "score": 3.8})
    assert parsed.shape == "scored"
    (row,) = parsed.rows
    assert (row.text, row.text_pair, row.score) == ("a", "b", 3.8)  # type: ignore[attr-defined]


def test_stars_are_classes_unless_numbers_are_asked_for(tmp_path: Path) -> None:
    records = [{"review": "good", "stars": 5}, {"review": "bad", "stars": "1"}]
    assert read(tmp_path, *records).shape == "labeled"
    assert [row.score for row in read(tmp_path, *records, wants="scored").rows] == [5.0, 1.0]  # type: ignore[attr-defined]


def test_running_text_with_a_score_beside_other_columns_stays_text(tmp_path: Path) -> None:
    assert read(tmp_path, {"text": "a", "url": "u", "dump": "d", "score": 2.5}).shape == "text"


def test_rows_without_a_number_are_dropped_and_what_is_none_is_refused(tmp_path: Path) -> None:
    ledger = Ledger()
    good = {"sentence1": "a", "sentence2": "b", "score": 1}
    read(tmp_path, good, {**good, "score": None}, {**good, "score": math.inf}, ledger=ledger)
    assert set(ledger.dropped) == {"no score", "the score is not finite"}
    with pytest.raises(DataError, match=r"a.jsonl line 2, score: got 'high' \(text\), expected"):
        read(tmp_path, good, {**good, "score": "high"})


# --- documents -----------------------------------------------------------------------------------


def test_documents_of_one_query_stay_together(tmp_path: Path) -> None:
    parsed = read(
        tmp_path,
        {"query": "q", "document": "d", "relevance": 2},
        {"query": "q", "document": "e", "relevance": 0},
    )
    assert parsed.shape == "ranked"
    assert [(row.group, row.target()) for row in parsed.rows] == [("q", "2"), ("q", "0")]
    with pytest.raises(DataError, match=r"line 1, score: got -1, expected 0"):
        read(tmp_path, {"query": "q", "passage": "d", "score": -1})


# --- questions -----------------------------------------------------------------------------------


def nested(answers: list[dict[str, Any]]) -> str:
    asked = {"id": "1", "question": "Who?", "answers": answers}
    paragraphs = [{"context": PARAGRAPH, "qas": [asked, {**asked, "answers": []}]}]
    return json.dumps(
        {"version": "2", "data": [{"title": "t", "paragraphs": paragraphs}]}, indent=1
    )


def test_squad_files_give_a_row_for_every_question(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    path.write_text(nested([{"text": "red cat", "answer_start": 4}]))
    parsed = parse_file(str(path), Reading(), Ledger())
    assert parsed.shape == "question"
    first, second = parsed.rows
    assert first.answers == (Span(4, "red cat"),)  # type: ignore[attr-defined]
    assert second.answers == ()  # type: ignore[attr-defined]
    assert first.group == second.group != ""
    assert path.read_text().splitlines()[first.origin.line - 1].strip().startswith('"question"')


@pytest.mark.parametrize(
    "answers",
    [{"text": ["cat"], "answer_start": [21]}, [{"text": "cat", "answer_start": 21}]],
)
def test_flat_questions_are_read_alike(tmp_path: Path, answers: Any) -> None:
    record = {"question": "What slept?", "context": PARAGRAPH, "answers": answers}
    (row,) = read(tmp_path, record).rows
    assert row.answers == (Span(21, "cat"),)  # type: ignore[attr-defined]


def test_an_answer_without_a_place_is_looked_for_and_it_is_said(tmp_path: Path) -> None:
    record = {"question": "What slept?", "context": PARAGRAPH, "answer": "cat"}
    parsed = read(tmp_path, record, wants="question")
    assert parsed.rows[0].answers == (Span(8, "cat"),)  # type: ignore[attr-defined]
    assert "taken as the first" in parsed.description[2]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"text": ["dog"], "answer_start": [3]}, "'dog' does not stand in the text"),
        ({"text": ["cat"], "answer_start": [7]}, r"at character 7 .*\(there: ' ca'\), but at 8"),
        ({"text": ["cat", "red"], "answer_start": [8]}, "2 answers and 1 places"),
    ],
)
def test_answers_that_are_not_in_the_text_are_refused(
    tmp_path: Path, answer: Any, message: str
) -> None:
    record = {"question": "What?", "context": PARAGRAPH, "answers": answer}
    with pytest.raises(DataError, match=rf"a.jsonl line 1, answers.*{message}"):
        read(tmp_path, record)


def test_what_is_to_be_predicted_needs_no_target(tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    for wants, record in {
        "multilabeled": {"text": "x"},
        "scored": {"sentence1": "x", "sentence2": "y"},
        "ranked": {"query": "x", "document": "y"},
        "question": {"question": "x", "context": "y"},
    }.items():
        path.write_text(json.dumps(record) + "\n")
        (row,) = read_asked(path, wants=wants).rows
        assert row.shape() == wants
        assert row.target() in ("", "[]")


def test_columns_without_names_of_two_sentences_and_a_fraction_are_a_scored_pair(
    tmp_path: Path,
) -> None:
    texts = [f"A man number {i} walks\tSome man goes {i} miles" for i in range(9)]
    lines = [f"news\t2012\t{i}\t{i % 5}.{i}\t{both}" for i, both in enumerate(texts)]
    path = tmp_path / "a.tsv"
    path.write_text("\n".join(lines) + "\n")
    parsed = parse_file(str(path), Reading(), Ledger())
    assert parsed.shape == "scored"
    row = parsed.rows[3]
    assert isinstance(row, Scored)
    assert (row.text, row.text_pair) == ("A man number 3 walks", "Some man goes 3 miles")
    assert row.score == 3.3


def test_labels_that_are_fractions_by_accident_are_said_to_be_unread(tmp_path: Path) -> None:
    records = [{"text": f"some words {at}", "label": at * 0.37} for at in range(60)]
    parsed = read(tmp_path, *records)
    assert parsed.shape == "text"
    assert (
        "'label' is not read (as classes: objective.name = classify, as numbers"
        in (parsed.description[-1])
    )
    assert read(tmp_path, *records, wants="scored").shape == "scored"
