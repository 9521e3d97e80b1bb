"""Rows of every schema are written so that they are read as the same rows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.rows import ROWS

from luthier.core.errors import DataError
from luthier.data.ledger import Ledger
from luthier.data.parse import Reading, parse_file
from luthier.data.rows import (
    Chat,
    Labeled,
    Message,
    Multilabeled,
    Origin,
    Preference,
    Prompt,
    Question,
    Row,
    SpanWeight,
    Tagged,
    Triplet,
)
from luthier.data.write import write_rows
from luthier.recipe.schema import DataSection

AT = Origin("rows.jsonl", 1)
CALL = {"id": "1", "type": "function", "function": {"name": "look", "arguments": {"at": 1}}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {}}}
HARD: dict[str, list[Row]] = {
    "chat with all it can have": [
        Chat(
            origin=AT,
            messages=(
                Message("system", "be brief"),
                Message("user", '["a list", "or not"]'),
                Message("assistant", "", tool_calls=(CALL,), weight=0.0),
                Message("tool", "2", tool_call_id="1", name="look"),
                Message("assistant", "it is 2", spans=(SpanWeight(0, 2, 0.5),)),
            ),
            tools=(TOOL,),
        )
    ],
    "texts that look like lists": [
        Triplet(origin=AT, anchor="[1]", positive='["x"]', negatives=('["y"]', "z"))
    ],
    "one label each": [
        Multilabeled(origin=AT, text=f"text {n}", labels=("a, b|c",)) for n in range(3)
    ],
    "labels that look like numbers": [
        Labeled(origin=AT, text=f"text {n}", text_pair="beside", label=f"{n % 2}")
        for n in range(30)
    ],
    "words at places": [
        Tagged(origin=AT, tokens=("a", "b"), tags=("B-X", "I-X"), text="a-b", starts=(0, 2)),
        Tagged(origin=AT, tokens=("a",), tags=("O",), text=" a", starts=(1,)),
    ],
    "single entities": [Tagged(origin=AT, tokens=("a", "b"), tags=("B-X", "B-X"))],
    "no answer": [Question(origin=AT, question="why", context="because")],
    "two answers over turns": [
        Preference(
            origin=AT,
            messages=(Message("system", "s"), Message("user", "Human: hello")),
            chosen=(Message("assistant", "a"), Message("user", "b"), Message("assistant", "c")),
            rejected=(Message("assistant", "d"),),
            tools=(TOOL,),
            margin=0.25,
        )
    ],
    "prompts with other columns": [
        Prompt(
            origin=AT,
            messages=(Message("system", "s"), Message("user", "u")),
            reference="12",
            fields={"question": "u", "system": "s", "answer": "12", "level": 3},
        )
    ],
    "groups": [
        Labeled(origin=AT, group=f"g{n % 3}", text=f"t {n}", label="ab"[n % 2]) for n in range(6)
    ],
}  # fmt: skip


def read(path: Path, settings: dict[str, Any]) -> list[Row]:
    section = DataSection(train=str(path), **settings)
    ledger = Ledger()
    found = parse_file(str(path), Reading.of(section, "auto"), ledger)
    assert not ledger.dropped
    assert not ledger.shortened
    return list(found.rows)


def plain(row: Row) -> tuple[Row, set[str]]:
    """The content, and what it is kept together by."""
    without = {"fields": {}} if isinstance(row, Prompt) else {}
    return replace(row, origin=AT, group="", **without), set(row.groups())


@pytest.mark.parametrize("kind", ROWS, ids=lambda kind: kind.__name__)
def test_rows_are_read_as_they_were_written(kind: type[Row], tmp_path: Path) -> None:
    rows = ROWS[kind]()
    written = write_rows(tmp_path / "rows.jsonl", rows)
    assert list(map(plain, read(tmp_path / "rows.jsonl", dict(written.settings)))) == list(
        map(plain, rows)
    )


@pytest.mark.parametrize("name", HARD)
def test_whatever_a_row_holds_is_written(name: str, tmp_path: Path) -> None:
    rows = HARD[name]
    written = write_rows(tmp_path / "rows.jsonl", rows)
    again = read(tmp_path / "rows.jsonl", dict(written.settings))
    assert list(map(plain, again)) == list(map(plain, rows))


@pytest.mark.parametrize("kind", ROWS, ids=lambda kind: kind.__name__)
def test_rows_with_other_names_for_their_classes_are_read_as_they_were_written(
    kind: type[Row], tmp_path: Path
) -> None:
    names = {"label_0": "label_2", "label_1": "z", "thing": "other"}  # two are one, others swap
    rows = [row.relabelled(names) for row in ROWS[kind]()]
    written = write_rows(tmp_path / "rows.jsonl", rows)
    again = read(tmp_path / "rows.jsonl", dict(written.settings))
    assert list(map(plain, again)) == list(map(plain, rows))


@pytest.mark.parametrize("kind", ROWS, ids=lambda kind: kind.__name__)
def test_what_was_written_twice_is_written_alike(kind: type[Row], tmp_path: Path) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    settings = write_rows(first, ROWS[kind]()).settings
    again = write_rows(second, read(first, dict(settings)))
    assert again.settings == settings
    assert second.read_bytes() == first.read_bytes()


def test_other_columns_are_kept(tmp_path: Path) -> None:
    rows = ROWS[Labeled]()
    others = [{"id": n, "label": "not this one"} for n in range(len(rows))]
    written = write_rows(tmp_path / "rows.jsonl", rows, others)
    lines = list(map(json.loads, (tmp_path / "rows.jsonl").read_text().splitlines()))
    assert written.has_others
    assert [line["id"] for line in lines] == list(range(8))
    assert [line["label"] for line in lines] == [row.target() for row in rows]
    assert {line["label_own"] for line in lines} == {"not this one"}
    assert written.renamed == {"label": "label_own"}
    assert list(map(plain, read(tmp_path / "rows.jsonl", dict(written.settings)))) == list(
        map(plain, rows)
    )


def test_a_column_called_group_is_kept_beside_groups_and_is_none_without(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [replace(row, group=f"g{at % 3}") for at, row in enumerate(ROWS[Labeled]())]
    for others, kept in (
        ([{"group": 7}] * len(rows), {"group_own"}),
        ([{"group": row.group} for row in rows], set[str]()),
    ):
        written = write_rows(path, rows, others)
        held = list(map(json.loads, path.read_text().splitlines()))
        assert all(kept == line.keys() - {"text", "text_pair", "label", "group"} for line in held)
        assert written.settings["group_by"] == "group"
        assert [row.group for row in read(path, dict(written.settings))] == [r.group for r in rows]
    free = [replace(row, group="") for row in rows]
    assert "group_by" not in write_rows(path, free, [{"group": 7}] * len(rows)).settings
    assert {json.loads(line)["group"] for line in path.read_text().splitlines()} == {7}


@pytest.mark.parametrize("kind", ROWS, ids=lambda kind: kind.__name__)
def test_columns_that_rows_hold_are_no_others(kind: type[Row], tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    settings = write_rows(path, ROWS[kind]()).settings
    reading = Reading.of(DataSection(train=str(path), **dict(settings)), "auto", keeps_others="all")
    found = parse_file(str(path), reading, Ledger())
    again = write_rows(tmp_path / "again.jsonl", list(found.rows), list(found.others))
    assert not again.renamed
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()


def test_columns_that_would_change_what_is_read_are_left_out(tmp_path: Path) -> None:
    rows = ROWS[Triplet]()[:3]
    bare = [replace(row, negatives=()) for row in rows if isinstance(row, Triplet)]
    written = write_rows(tmp_path / "rows.jsonl", bare, [{"is_duplicate": n} for n in range(3)])
    assert not written.has_others
    assert len(read(tmp_path / "rows.jsonl", dict(written.settings))) == 3


def test_pictures_and_texts_are_not_put_into_one_file(tmp_path: Path) -> None:
    rows = [
        Labeled(origin=AT, text="a", label="x"),
        Labeled(origin=Origin("p.csv", 2), text="", label="x", picture="p.png", digest="0"),
    ]
    with pytest.raises(DataError, match=r"p\.csv line 2: a row of another kind"):
        write_rows(tmp_path / "rows.jsonl", rows)
    assert not list(tmp_path.iterdir())
