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


def test_a_text_that_is_named_stays_alone() -> None:
    record = {"question": "is it", "passage": "that one", "label": "a"}
    assert read(record, wants="labeled", text="passage").rows[0].given() == "that one"
