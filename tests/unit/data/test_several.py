"""Records of one file that are written in several ways are read each in its own, or refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import DataError
from luthier.data.ledger import Ledger
from luthier.data.parse import Parsed, Reading, parse_file
from luthier.data.rows import Chat

TALK = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
SHARED = {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "c"}]}
PAIR = {"prompt": "a", "completion": "d"}
TASK = {"instruction": "a", "output": "e"}
CHOICE = {"prompt": "a", "chosen": "b", "rejected": "c"}


def read(folder: Path, *records: Any, ledger: Ledger | None = None, **reading: Any) -> Parsed:
    path = folder / "a.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return parse_file(str(path), Reading(**reading), ledger or Ledger())


def answers(parsed: Parsed) -> list[str]:
    return [row.messages[-1].content for row in parsed.rows if isinstance(row, Chat)]


@pytest.mark.parametrize("before", [0, 150])
def test_conversations_in_several_forms_are_all_read(tmp_path: Path, before: int) -> None:
    parsed = read(tmp_path, *[TALK] * before, TALK, SHARED, PAIR, TASK, TALK)
    assert answers(parsed) == ["b"] * before + ["b", "c", "d", "e", "b"]
    path = tmp_path / "a.jsonl"
    assert f"{path}: 1 as sharegpt (line {before + 2}), as column 'conversations' holds lists of " \
        "from and value" in parsed.description  # fmt: skip
    assert any("1 as prompt_completion" in line for line in parsed.description)


def test_the_form_of_most_rows_need_not_come_first(tmp_path: Path) -> None:
    assert answers(read(tmp_path, PAIR, *[TALK] * 150, PAIR)) == ["d", *["b"] * 150, "d"]


def test_columns_that_are_there_and_empty_are_as_good_as_missing(tmp_path: Path) -> None:
    empty = {"messages": None, "prompt": None, "completion": None}
    assert answers(read(tmp_path, {**empty, **TALK}, {**empty, **PAIR})) == ["b", "d"]


def test_rows_of_several_shapes_are_refused_with_their_lines(tmp_path: Path) -> None:
    records = [*[TALK] * 3, {"text": "x"}, TALK, *[{"text": "y"}] * 4]
    with pytest.raises(DataError) as caught:
        read(tmp_path, *records)
    message = str(caught.value)
    assert "chat rows: 4 as messages (lines 1, 2, 3, ...)" in message
    assert "text rows: 5 as text (lines 4, 6, 7, ...)" in message
    assert "data.format=messages" in message


def test_preferences_among_answers_are_refused_and_not_taken_for_empty_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"chat rows: 120 as .*; preference rows: 1 as .*line 121"):
        read(tmp_path, *[PAIR] * 120, CHOICE)


def test_a_format_that_is_asked_for_reads_all_records(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 2, messages: got nothing, expected a list of turns"):
        read(tmp_path, TALK, PAIR, format="messages")


def test_a_row_that_lacks_its_target_is_still_dropped(tmp_path: Path) -> None:
    ledger = Ledger()
    records = [{"text": "x", "label": "a"}, {"text": "y", "label": "b"}] * 3
    parsed = read(tmp_path, *records, {"text": "z", "label": None}, {"text": "w"}, ledger=ledger)
    assert (len(parsed.rows), {why: one.count for why, one in ledger.dropped.items()}) == (
        6,
        {"no label": 2},
    )
    ledger = Ledger()
    read(tmp_path, PAIR, {"prompt": "a"}, {"prompt": "b", "completion": ""}, ledger=ledger)
    assert sum(one.count for one in ledger.dropped.values()) == 2


def test_records_of_ever_other_columns_are_read_in_time(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="and 1997 more rows"):
        read(tmp_path, TALK, *({f"column{at}": at} for at in range(2000)))


def test_rows_of_one_shape_are_taken_out_of_several_and_the_others_counted(tmp_path: Path) -> None:
    records = [*[TALK, CHOICE] * 80, PAIR, {"text": "x", "label": "a"}, {"strange": 1}]
    ledger = Ledger()
    parsed = read(tmp_path, *records, ledger=ledger, shape="chat")
    assert (parsed.shape, len(answers(parsed))) == ("chat", 81)
    assert {why: one.count for why, one in ledger.dropped.items()} == {
        "preference row, not chat": 80,
        "labeled row, not chat": 1,
        "row of no known shape": 1,
    }
    assert ledger.rows_in == len(records)
    assert len(read(tmp_path, *[TALK] * 150, CHOICE, shape="preference").rows) == 1


def test_columns_by_other_names_tell_the_shape_too(tmp_path: Path) -> None:
    rated = {"review": "good", "stars": "5"}
    columns = {"text": "review", "label": "stars"}
    assert len(read(tmp_path, rated, TALK, rated, shape="labeled", columns=columns).rows) == 2


def test_a_shape_that_no_row_has_and_one_that_does_not_exist_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no row has the shape 'text' .*: 2 chat, 1 preference"):
        read(tmp_path, TALK, TALK, CHOICE, shape="text")
    with pytest.raises(DataError, match="'caht' is no shape of rows; did you mean 'chat'"):
        read(tmp_path, TALK, shape="caht")
