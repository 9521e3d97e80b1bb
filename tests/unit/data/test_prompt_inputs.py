"""What a prompt is about is read from the column beside it, whatever the rows are."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.core.errors import DataError
from luthier.data.asked import rows_of
from luthier.data.ledger import Ledger
from luthier.data.opened import Opened
from luthier.data.parse import Parsed, Reading, parse
from luthier.data.rows import Chat
from luthier.recipe.schema import DataSection

RIGHT: dict[str, dict[str, Any]] = {
    "chat": {"response": "so"},
    "preference": {"chosen": "so", "rejected": "no"},
    "rated": {"completion": "so", "is_good": True},
    "prompt": {"reference": "so"},
}
"""What stands beside the prompt in rows of each shape."""


def read(*records: dict[str, Any], **settings: Any) -> Parsed:
    opened = Opened("rows.jsonl", "", "jsonl", ("jsonl",), iter(list(enumerate(records, start=1))))
    return parse(opened, Reading(**settings), Ledger())


@pytest.mark.parametrize("name", ["input", "context", "passage", "paragraph"])
@pytest.mark.parametrize("shape", RIGHT)
def test_what_a_prompt_is_about_comes_behind_it(shape: str, name: str) -> None:
    asked = {"instruction": "Who won?", name: "Ada won, Bob lost."}
    parsed = read({**asked, **RIGHT[shape]}, {"instruction": "Why?", name: "", **RIGHT[shape]})
    assert parsed.shape == shape
    given = [row.given().removesuffix("\nso") for row in parsed.rows]
    assert [" ".join(text.split()) for text in given] == ["Who won? Ada won, Bob lost.", "Why?"]
    assert f"with '{name}' behind it" in parsed.description[1]
    assert "not read" not in parsed.description[1]


def test_alpaca_rows_may_call_it_context() -> None:
    record = {"instruction": "Who won?", "context": "Ada won.", "output": "Ada"}
    assert read(record).rows[0].given() == "Who won?\nAda won."


def test_a_question_that_ends_its_text_comes_behind_it() -> None:
    record = {"Body": "Ada has 3 pens.", "Question": "How many?", "Answer": 3.0}
    parsed = read(record)
    assert (parsed.rows[0].given(), parsed.rows[0].target()) == ("Ada has 3 pens.\nHow many?", "3")
    assert "with 'Body' before it" in parsed.description[1]


def test_another_column_is_named_and_a_prompt_that_is_named_stays_alone() -> None:
    records = [
        {"prompt": "Who?", "notes": f"Ada came {n}", "context": f"a race {n}", "completion": "Ada"}
        for n in range(3)
    ]
    named = read(*records, columns={"input": "notes"})
    assert named.rows[0].given() == "Who?\nAda came 0"
    assert "'context' holds texts and is not read" in named.description[1]
    alone = read(*records, columns={"prompt": "prompt"})
    assert alone.rows[0].given() == "Who?"
    assert "'notes', 'context' hold texts and are not read" in alone.description[1]
    assert "data.columns.input = NAME" in alone.description[1]


def test_what_is_no_text_is_left_alone() -> None:
    records = [{"question": "Who?", "context": ["a", "b"], "answer": "Ada"}] * 2
    assert read(*records, wants="chat").rows[0].given() == "Who?"
    turns = [{"role": "user", "content": "Who?"}]
    row = read({"prompt": turns, "context": "a race", "completion": "Ada"}).rows[0]
    assert isinstance(row, Chat)
    assert row.given() == "Who?"


@pytest.mark.parametrize(
    "context", [["A text", "of parts"], {"titles": ["One"], "parts": [["A text", "of parts"]]}]
)
def test_texts_in_lists_and_objects_beside_a_prompt_are_named(context: Any) -> None:
    records = [
        {"question": f"Why {n}?", "context": [context, str(n)], "answer": f"So {n}"}
        for n in range(9)
    ]
    assert "; 'context' holds texts and is not read" in read(*records).description[1]
    scores = [{**record, "context": [n, "x", {}]} for n, record in enumerate(records)]
    assert "not read" not in read(*scores).description[1]


def test_a_later_number_is_text_and_a_list_is_refused_with_the_way_out() -> None:
    rows = [{"prompt": "Why?", "input": "It rains", "response": f"So {n}"} for n in range(150)]
    late = {"prompt": "Why?", "input": 5, "response": "so"}
    assert read(*rows, late).rows[150].given() == "Why?\n5"
    with pytest.raises(DataError, match=r"line 151, input: got(.|\n)*leave the column unread"):
        read(*rows, {**late, "input": ["a", "b"]})


def test_rows_to_be_answered_are_read_alike() -> None:
    asked = {"instruction": "Who won?", "context": "Ada won."}
    for record in (asked, {"prompt": "Who won?", "context": "Ada won."}):
        assert rows_of([record], DataSection(train="x"), wants="chat")[0].given() == (
            "Who won?\nAda won."
        )


def test_conversations_that_begin_with_the_prompt_are_whole() -> None:
    asked = {"role": "user", "content": "Who won?"}
    answers = {
        name: [asked, {"role": "assistant", "content": name}] for name in ("chosen", "rejected")
    }
    row = read({"prompt": "Who won?", "context": "Ada won.", **answers}).rows[0]
    assert (row.given(), row.target()) == ("Who won?", "chosen")
