"""Cheap rivals where the target is a JSON object: field by field, and honest in the verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests import tiny
from tests.unit.evaluation import subjects

from luthier.data.rows import Row
from luthier.evaluation.arms._fields import fields_of, nested
from luthier.evaluation.evaluate import evaluate
from luthier.evaluation.results import Evaluation
from luthier.evaluation.text import leaves
from luthier.recipe.schema import EvaluationSection

COLOURS = subjects.COLOURS


def judged(folder: Path, rows: list[Row], *, num_test: int = 12) -> Evaluation:
    subject = subjects.subject(folder, rows, objective="sft", num_test=num_test)
    section = EvaluationSection(
        arms=["majority", "tfidf", "base"], num_resamples=200, max_new_tokens=4, retention=False
    )
    return evaluate(subject, section=section, on_event=lambda _event: None)


def orders(num_rows: int) -> list[Row]:
    """Two fields to tell apart, one that is always alike, one with a value of its own each row."""
    rows: list[Row] = []
    for line in range(num_rows):
        colour = COLOURS[min(line % 4, 2)]
        answer: dict[str, Any] = {
            "item": {"colour": colour, "big": line % 2 == 0},
            "kind": "order",
            "note": f"row {line}",
        }
        size = "large" if line % 2 == 0 else "small"
        rows.append(tiny.chat(f"a {size} {colour} one", json.dumps(answer), line=line + 1))
    return rows


def test_the_word_counter_fills_every_field_with_few_values(tmp_path: Path) -> None:
    found = judged(tmp_path, orders(48))
    assert found.arms["tfidf"]["json_fields"].value == pytest.approx(3 / 4)
    texts = [json.loads(answer.text) for answer in found.answers["tfidf"]]
    assert texts[0] == {"item": {"colour": "red", "big": True}, "kind": "order"}
    note = found.details["notes"]["tfidf"]
    assert note == {"fields": "item.colour, item.big, kind", "left empty": "note"}


def test_the_most_frequent_values_are_always_the_same_object(tmp_path: Path) -> None:
    found = judged(tmp_path, orders(48))
    assert {answer.text for answer in found.answers["majority"]} == {
        json.dumps({"item": {"colour": "blue", "big": False}, "kind": "order"})
    }
    assert found.arms["majority"]["json_fields"].value == pytest.approx((6 + 6 + 12) / 48)


def test_a_rival_that_beats_the_tuned_model_is_named_as_better(tmp_path: Path) -> None:
    found = judged(tmp_path, orders(48))
    assert found.verdict.against == "base"
    assert (found.verdict.rival, found.verdict.rival_outcome) == ("tfidf", "worse")
    assert "word-counting classifier" in found.verdict.words
    assert "better than the tuned model, and far cheaper" in found.verdict.words


def test_fields_with_many_values_leave_no_rival(tmp_path: Path) -> None:
    rows: list[Row] = [
        tiny.chat(f"what is {line}", json.dumps({"count": line}), line=line + 1)
        for line in range(30)
    ]
    found = judged(tmp_path, rows)
    assert set(found.arms) == {"base", "tuned"}
    assert "few values" in found.details["notes"]["majority"]["left_out"]
    assert "few values" in found.details["notes"]["tfidf"]["left_out"]


def test_a_field_that_only_some_rows_have_may_be_left_out_of_an_answer() -> None:
    rows: list[Row] = [
        tiny.chat(f"say {line}", json.dumps({"a": 1} | ({"b": "X."} if line % 2 else {"c": None})))
        for line in range(12)
    ]
    fields = fields_of([*rows, tiny.chat("say", "no object")])
    assert len(fields.rows) == 12
    assert fields.columns["a"] == ["1"] * 12
    assert fields.columns["b"] == ["", '"X."'] * 6
    assert fields.columns["c"] == ["null", ""] * 6


def test_values_that_count_as_the_same_are_one() -> None:
    rows: list[Row] = [
        tiny.chat("say", json.dumps({"a": name})) for name in ("Yes", "yes", "no") * 3
    ]
    assert fields_of(rows).columns["a"] == ['"Yes"', '"Yes"', '"no"'] * 3
    mixed: list[Row] = [tiny.chat("say", json.dumps({"a": value})) for value in (1, "1", True) * 3]
    assert fields_of(mixed).columns["a"] == ["1", '"1"', "true"] * 3


def test_nesting_takes_leaves_back() -> None:
    whole = {"a": {"b": 1, "c": {"d": [2], "e": {}}}, "f": None}
    assert nested(leaves(whole)) == whole
    assert nested({"a": 1, "a.b": 2}) == {"a": 1, "a.b": 2}
