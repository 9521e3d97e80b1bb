"""Both texts of a pair are read, by the names that common files give them; what is not, is said."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.data.ledger import Ledger
from luthier.data.opened import Opened
from luthier.data.parse import Parsed, Reading, parse

NAMES = [
    ("question", "sentence"), ("question1", "question2"), ("question", "passage"),
    ("sentence_A", "sentence_B"), ("query", "document"),
]  # fmt: skip
TARGETS = [("labeled", "label", 1), ("multilabeled", "labels", ["a", "b"]), ("scored", "score", 2)]


def read(*records: dict[str, Any], wants: str, **columns: str) -> Parsed:
    opened = Opened("rows.jsonl", "", "jsonl", ("jsonl",), iter(list(enumerate(records, start=1))))
    return parse(opened, Reading(wants=wants, columns=columns), Ledger())


@pytest.mark.parametrize(("wants", "target", "value"), TARGETS)
@pytest.mark.parametrize(("first", "second"), NAMES)
def test_both_texts_of_a_pair_are_read(first, second, wants, target, value) -> None:
    parsed = read({"idx": 1, second: "that one", first: "is it", target: value}, wants=wants)
    assert parsed.rows[0].given() == "is it\nthat one"
    assert "not read" not in parsed.description[1]


@pytest.mark.parametrize(("wants", "target", "value"), TARGETS)
def test_texts_that_are_not_read_are_named_with_what_reads_them(wants, target, value) -> None:
    records = [
        {"text": f"t {n}", "title": f"the title {n}", "source": "the same one", target: value}
        for n in range(4)
    ]
    said = read(*records, wants=wants).description[1]
    assert (
        "'title' holds texts and is not read (data.columns = {text: NAME, text_pair: NAME}" in said
    )
    assert "source" not in said
    named = {"text": "title", "text_pair": "text", target: target}
    found = read(*records, wants=wants, **named)
    assert found.rows[0].given() == "the title 0\nt 0"
    assert "not read" not in found.description[1]


OTHERS: dict[str, dict[str, Any]] = {
    "chat": {"prompt": "why", "completion": "so"},
    "turns": {
        "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    },
    "text": {"text": "it is"},
    "preference": {"prompt": "why", "chosen": "so", "rejected": "no"},
    "rated": {"prompt": "why", "completion": "so", "is_good": True},
    "question": {"question": "why", "context": "so", "answers": ["so"]},
    "triplet": {"anchor": "why", "positive": "so", "negative_1": "not so"},
    "ranked": {"query": "why", "document": "so", "score": 1},
    "tagged": {"tokens": ["a"], "tags": ["O"]},
}
"""A record of each of the shapes that are not above."""


@pytest.mark.parametrize("name", OTHERS)
def test_every_shape_names_the_texts_that_it_does_not_read(name: str) -> None:
    records = [
        {**OTHERS[name], "notes": f"many words {n}" if n % 3 == 0 else "", "day": f"{n} 12:00"}
        for n in range(9)
    ]
    said = read(*records, wants="auto").description[1]
    assert "; 'notes' holds texts and is not read" in said
    assert said.count("not read") == 1
    assert "day" not in said
    assert "notes" not in read(*[OTHERS[name]] * 9, wants="auto").description[1]


def test_columns_that_are_read_for_something_else_are_not_named() -> None:
    records = [{"text": "it is", "title": f"the title {n}", "id": n} for n in range(4)]
    opened = Opened("rows.jsonl", "", "jsonl", ("jsonl",), iter(list(enumerate(records, start=1))))
    said = parse(opened, Reading(group_by="title"), Ledger()).description[1]
    assert "title" not in said


def test_a_text_that_is_named_stays_alone() -> None:
    record = {"question": "is it", "passage": "that one", "label": "a"}
    assert read(record, wants="labeled", text="passage").rows[0].given() == "that one"
