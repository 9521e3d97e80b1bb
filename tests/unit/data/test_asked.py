"""Rows to be predicted come in any shape the formats know; what fits none is named by its line."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import DataError
from luthier.data.asked import read_asked, read_rows, rows_of
from luthier.data.rows import Chat, Labeled, Row
from luthier.recipe.schema import DataSection

TURNS = [{"role": "user", "content": "hi"}]


def write(path: Path, records: Sequence[Mapping[str, Any]]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def asked(rows: Sequence[Row]) -> list[str]:
    """What the last user turn of each row says."""
    return [row.messages[-1].content for row in rows if isinstance(row, Chat)]


def test_rows_to_predict_need_no_answers(tmp_path: Path) -> None:
    rows = read_rows(write(tmp_path / "a.jsonl", [{"prompt": "q", "completion": None}]))
    assert isinstance(rows[0], Chat)
    assert [message.role for message in rows[0].messages] == ["user"]
    rows = read_rows(write(tmp_path / "b.jsonl", [{"text": "a"}]), wants="labeled")
    assert isinstance(rows[0], Labeled)
    assert rows[0].label == ""
    rows = read_rows(write(tmp_path / "c.jsonl", [{"messages": TURNS}]), wants="chat")
    assert isinstance(rows[0], Chat)
    rows = read_rows(write(tmp_path / "d.jsonl", [{"prompt": "q"}]), wants="chat")
    assert isinstance(rows[0], Chat)


def test_a_row_to_predict_without_an_input_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"text": "a"}, {"text": ""}])
    with pytest.raises(DataError, match="line 2: empty text; there is nothing to predict from"):
        read_rows(path, wants="labeled")
    path = write(tmp_path / "b.jsonl", [{"prompt": "a"}, {"prompt": " "}])
    with pytest.raises(DataError, match="line 2: empty prompt; there is nothing to predict from"):
        read_rows(path, wants="chat")


@pytest.mark.parametrize(
    "settings",
    [{"format": "messages"}, {"columns": {"prompt": "q", "completion": "a"}}, {}],
)
@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "hi"},
        {"question": "hi"},
        {"text": "hi"},
        {"instruction": "hi"},
        {"messages": TURNS},
        {"conversations": [{"from": "human", "value": "hi"}]},
    ],
)
def test_any_shape_will_do_whatever_the_run_was_trained_on(
    tmp_path: Path, row: dict[str, Any], settings: dict[str, Any]
) -> None:
    section = DataSection(train="train.jsonl", **settings)
    found = read_asked(write(tmp_path / "new.jsonl", [row, row]), section, wants="chat")
    assert asked(found.rows) == ["hi", "hi"]
    assert found.records == [row, row]
    assert next(iter(row)) in found.notes[-1]


def test_rows_of_several_shapes_are_recognised_one_by_one(tmp_path: Path) -> None:
    rows = [{"messages": TURNS}, {"prompt": "two"}, {"messages": TURNS}, {"q": "four"}]
    section = DataSection(train="train.jsonl", columns={"prompt": "q", "completion": "a"})
    path = write(tmp_path / "new.jsonl", rows)
    found = read_asked(path, section, wants="chat")
    assert asked(found.rows) == ["hi", "two", "hi", "four"]
    assert [row.origin.line for row in found.rows] == [1, 2, 3, 4]
    assert any("'prompt' is the prompt (line 2)" in note for note in found.notes)


def test_a_row_that_fits_nothing_is_named_by_file(tmp_path: Path) -> None:
    path = write(tmp_path / "new.jsonl", [{"messages": TURNS}, {"colour": "red"}])
    section = DataSection(train="train.jsonl", format="messages")
    with pytest.raises(
        DataError, match=r"new\.jsonl.*'colour' .*not recognised.*\n.*Call them as in"
    ):
        read_asked(path, section, wants="chat")


def test_labels_beside_rows_to_predict_are_not_looked_at(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": float("nan")}, {"text": "b", "label": 0.5}]
    found = read_asked(write(tmp_path / "a.jsonl", rows), wants="labeled")
    assert [row.label for row in found.rows if isinstance(row, Labeled)] == ["", ""]


def test_rows_at_hand_that_are_no_rows_are_refused() -> None:
    assert asked(rows_of([{"prompt": "hi"}], wants="chat")) == ["hi"]
    assert rows_of([], wants="chat") == []
    with pytest.raises(DataError, match=r"rows line 2: got 'hello', expected an object.*\n.*text"):
        rows_of([{"text": "a"}, "hello"], wants="labeled")  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match="expected a list of rows"):
        rows_of({"text": "a"}, wants="labeled")  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match="expected a list of rows"):
        rows_of("hello", wants="labeled")  # pyright: ignore[reportArgumentType]
