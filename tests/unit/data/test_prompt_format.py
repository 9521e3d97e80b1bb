"""Rows to be answered and graded: which column is asked, which is right, and what graders see."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.core.errors import DataError
from luthier.data.asked import rows_of
from luthier.data.ledger import Ledger
from luthier.data.opened import Opened
from luthier.data.parse import Parsed, Reading, parse
from luthier.data.rows import Prompt


def read(*records: dict[str, Any], wants: str = "prompt") -> Parsed:
    opened = Opened("rows.jsonl", "", "jsonl", ("jsonl",), iter(list(enumerate(records, start=1))))
    return parse(opened, Reading(wants=wants), Ledger())


def test_prompt_and_reference_are_found_and_all_columns_kept() -> None:
    row = read({"question": "1 + 1?", "answer": 2, "level": "easy"}).rows[0]
    assert isinstance(row, Prompt)
    assert [turn.content for turn in row.messages] == ["1 + 1?"]
    assert row.reference == "2"
    assert row.fields["level"] == "easy"


def test_a_file_with_a_reference_is_recognised_by_itself() -> None:
    records = [{"prompt": f"{n} + 1?", "reference": str(n + 1)} for n in range(30)]
    assert read(*records, wants="auto").shape == "prompt"


def test_prompt_and_completion_stay_a_conversation_unless_prompts_are_wanted() -> None:
    record = {"prompt": "Hello", "completion": "Hi"}
    assert read(record, wants="auto").shape == "chat"
    assert read(record).rows[0].target() == "Hi"


def test_a_whole_conversation_ends_in_its_right_answer() -> None:
    turns = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
    row = read({"messages": turns}).rows[0]
    assert isinstance(row, Prompt)
    assert (len(row.messages), row.reference) == (1, "So.")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(7, "7"), (7.0, "7"), (7.5, "7.5"), (True, "true"), ({"a": 1}, '{"a": 1}'), (None, "")],
)
def test_right_answers_become_text(value: Any, expected: str) -> None:
    assert read({"prompt": "x", "reference": value}).rows[0].target() == expected


def test_equal_prompts_with_other_answers_are_equal_inputs() -> None:
    first, second = read({"prompt": "x", "reference": 1}, {"prompt": "x", "reference": 2}).rows
    assert first.input_key() == second.input_key()


def test_prompts_at_hand_need_no_reference() -> None:
    assert rows_of([{"prompt": "x"}], wants="prompt")[0].given() == "x"


def test_a_broken_turn_is_named() -> None:
    with pytest.raises(DataError, match=r"rows.jsonl line 1, prompt\[0\].role: missing"):
        read({"prompt": [{"content": "x"}], "reference": "y"})
