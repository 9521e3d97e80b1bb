"""Preferences and thumbs in every form they travel in; what is wrong is said with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import DataError
from luthier.data.asked import rows_of
from luthier.data.ledger import Ledger
from luthier.data.parse import Parsed, Reading, parse_file
from luthier.data.rows import Chat, Message, Preference, Rated

ASKED = [{"role": "user", "content": "hi"}]
GOOD = [{"role": "assistant", "content": "hello"}]
BAD = [{"role": "assistant", "content": "go away"}]
HH = "\n\nHuman: hi\n\nAssistant: {}"
FORMS: dict[str, dict[str, Any]] = {
    "texts": {"prompt": "hi", "chosen": "hello", "rejected": "go away"},
    "an instruction": {"instruction": "hi", "chosen": "hello", "rejected": "go away"},
    "turns": {"prompt": ASKED, "chosen": GOOD, "rejected": BAD},
    "one turn": {"messages": ASKED, "chosen": GOOD[0], "rejected": BAD[0]},
    "conversations": {"chosen": ASKED + GOOD, "rejected": ASKED + BAD},
    "conversations and their prompt": {
        "prompt": "hi", "chosen": ASKED + GOOD, "rejected": ASKED + BAD,
    },
    "JSON in a cell": {
        "chosen": json.dumps(ASKED + GOOD), "rejected": json.dumps(ASKED + BAD),
    },
    "ShareGPT": {
        "conversations": [{"from": "human", "value": "hi"}],
        "chosen": {"from": "gpt", "value": "hello"},
        "rejected": {"from": "gpt", "value": "go away"},
    },
    "LLaMA-Factory's messages": {
        "chosen_messages": ASKED + GOOD, "rejected_messages": ASKED + BAD,
    },
    "one text with speakers": {"chosen": HH.format("hello"), "rejected": HH.format("go away")},
    "a prompt that ends with a speaker": {
        "prompt": HH.format(""), "chosen": "hello", "rejected": "go away",
    },
    "OpenAI": {
        "input": {"messages": ASKED, "tools": []},
        "preferred_output": GOOD,
        "non_preferred_output": BAD,
    },
}  # fmt: skip


def parse(folder: Path, records: Sequence[Mapping[str, Any]], **options: Any) -> Parsed:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return parse_file(str(path), Reading(**options), options.pop("ledger", None) or Ledger())


def dropped(folder: Path, record: Mapping[str, Any]) -> str:
    """Why the second of two rows is not used."""
    ledger, path = Ledger(), folder / "rows.jsonl"
    path.write_text(json.dumps(FORMS["texts"]) + "\n" + json.dumps(record) + "\n")
    parsed = parse_file(str(path), Reading(), ledger)
    assert len(parsed.rows) == 1
    (reason, entry), *_ = ledger.dropped.items()
    assert f"{path} line 2: row left out: {reason}" in parsed.description
    assert entry.examples == [f"{path} line 2"]
    return reason


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_row(form: str, tmp_path: Path) -> None:
    parsed = parse(tmp_path, [FORMS[form]] * 2)
    row = parsed.rows[0]
    assert parsed.shape == "preference"
    assert isinstance(row, Preference)
    assert row.messages == (Message("user", "hi"),)
    assert (row.chosen, row.rejected) == (
        (Message("assistant", "hello"),),
        (Message("assistant", "go away"),),
    )


def test_conversations_share_all_turns_that_are_equal(tmp_path: Path) -> None:
    first = "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: "
    row = parse(tmp_path, [{"chosen": first + "yes", "rejected": first + "no"}]).rows[0]
    assert isinstance(row, Preference)
    assert [turn.content for turn in row.messages] == ["a", "b", "c"]
    assert [turn.content for turn in row.chosen] == ["yes"]


def test_system_tools_and_scores_come_along(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    record = {**FORMS["texts"], "system": "be brief", "tools": [tool]}
    row = parse(tmp_path, [{**record, "score_chosen": 7.5, "score_rejected": 3}]).rows[0]
    assert isinstance(row, Preference)
    assert row.messages[0] == Message("system", "be brief")
    assert row.tools == (tool,)
    assert row.margin == 4.5
    with pytest.raises(DataError, match="line 1, margin: got 'much', expected a number"):
        parse(tmp_path, [{**FORMS["texts"], "margin": "much"}])


def test_scores_against_the_order_of_the_pair_are_said_and_left_out(tmp_path: Path) -> None:
    records = [
        {**FORMS["texts"], "score_chosen": 3, "score_rejected": 7.5},
        {**FORMS["texts"], "score_chosen": 7.5, "score_rejected": 3},
    ]
    found = parse(tmp_path, records)
    assert [row.margin for row in found.rows if isinstance(row, Preference)] == [0.0, 4.5]
    (said,) = [line for line in found.description if "higher score" in line]
    assert "line 1: the rejected answer has the higher score" in said


@pytest.mark.parametrize("missing", [None, ""])
@pytest.mark.parametrize("name", ["score_chosen", "score_rejected"])
def test_one_score_alone_is_no_margin(tmp_path: Path, name: str, missing: Any) -> None:
    """Nor is it 0, which would make all of the other the margin."""
    whole = {**FORMS["texts"], "score_chosen": 7.5, "score_rejected": -3}
    none = {**FORMS["texts"], "chosen": "other", "score_chosen": missing, "score_rejected": missing}
    found = parse(tmp_path, [{**whole, name: missing}, whole, none])
    assert [row.margin for row in found.rows if isinstance(row, Preference)] == [0.0, 10.5, 0.0]
    told = [line for line in found.description if "only one of the two answers has a score" in line]
    assert len(told) == 1
    assert "line 1" in told[0]


def test_rows_that_cannot_teach_are_dropped_by_name_and_place(tmp_path: Path) -> None:
    same = {"prompt": "a", "chosen": "b ", "rejected": "b"}
    assert dropped(tmp_path, same) == "chosen and rejected are the same answer"
    assert dropped(tmp_path, {**same, "rejected": ""}) == "empty answer"
    assert dropped(tmp_path, {**same, "rejected": "c", "prompt": ""}) == "empty prompt"


def test_prompts_that_differ_are_refused_with_both(tmp_path: Path) -> None:
    other = [{"role": "user", "content": "what?"}]
    pair = {"prompt": "hi", "chosen": ASKED + GOOD, "rejected": other + BAD}
    with pytest.raises(DataError, match=r"line 1: the conversation in 'rejected' does not begin"):
        parse(tmp_path, [pair])
    del pair["prompt"]
    with pytest.raises(DataError, match=r"line 1: .* begin differently: 'hi' and 'what\?'"):
        parse(tmp_path, [pair])
    with pytest.raises(DataError, match=r"there is no prompt.*\n.*data.columns = \{prompt"):
        parse(tmp_path, [{"chosen": "a", "rejected": "b"}])


@pytest.mark.parametrize(
    ("thumb", "is_good"),
    [(True, True), (False, False), (1, True), ("bad", False), ("thumbs_up", True), ("no", False)],
)
def test_thumbs_are_read_as_they_are_written(thumb: Any, is_good: bool, tmp_path: Path) -> None:
    record = {"prompt": "hi", "completion": "hello", "label": thumb}
    row = parse(tmp_path, [record], wants="rated").rows[0]
    assert isinstance(row, Rated)
    assert [turn.role for turn in row.messages] == ["user", "assistant"]
    assert row.is_good is is_good


def test_thumbs_beside_conversations_need_no_naming(tmp_path: Path) -> None:
    for record in (
        {"messages": ASKED + GOOD, "label": True},
        {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}],
         "kto_tag": False},
        {"instruction": "hi", "output": "hello", "kto_tag": True},
    ):  # fmt: skip
        assert isinstance(parse(tmp_path, [record]).rows[0], Rated)


def test_a_thumb_that_is_neither_is_named(tmp_path: Path) -> None:
    good = {"prompt": "hi", "completion": "hello", "label": True}
    records = [good] * 100 + [{**good, "label": "maybe"}]
    with pytest.raises(DataError, match=r"line 101, label: got 'maybe' .*expected true or false"):
        parse(tmp_path, records)


@pytest.mark.parametrize(("thumb", "odd"), [(True, "maybe"), (True, None), (1, 7), ("good", "?")])
def test_a_thumb_that_is_neither_does_not_make_the_file_one_of_answers_to_learn(
    tmp_path: Path, thumb: Any, odd: Any
) -> None:
    good = {"prompt": "hi", "completion": "hello", "label": thumb}
    with pytest.raises(DataError, match=r"line 3, label: got .*expected true or false"):
        parse(tmp_path, [good, good, {**good, "label": odd}, *[good] * 5])


def test_a_label_that_is_no_thumb_stands_beside_an_answer_to_learn(tmp_path: Path) -> None:
    record = {"prompt": "hi", "completion": "hello", "label": "greeting"}
    assert isinstance(parse(tmp_path, [record]).rows[0], Chat)


@pytest.mark.parametrize("thumb", [True, "good", "thumbs_up", "false"])
def test_words_that_judge_an_answer_need_no_names_of_trl(tmp_path: Path, thumb: Any) -> None:
    record = {"question": "hi", "response": "hello", "label": thumb}
    assert isinstance(parse(tmp_path, [record]).rows[0], Rated)


def test_what_may_judge_answers_is_named_where_they_are_learned(tmp_path: Path) -> None:
    record: dict[str, Any] = {"prompt": "hi", "response": "hello", "label": 1}
    found = parse(tmp_path, [record])
    assert isinstance(found.rows[0], Chat)
    assert found.description[1].endswith(
        "; with 'label', which is not read, each row may be an answer that was found good or bad "
        "(data.format = thumbs)"
    )
    del record["label"]
    assert "may be" not in parse(tmp_path, [record]).description[1]


def test_rows_to_be_predicted_need_no_answers() -> None:
    both = rows_of([FORMS["texts"]], wants="preference")[0]
    assert isinstance(both, Preference)
    assert both.chosen
    assert both.rejected
    alone = rows_of([{"prompt": "hi"}], wants="preference")[0]
    assert isinstance(alone, Preference)
    assert (alone.messages, alone.chosen) == ((Message("user", "hi"),), ())
    rated = rows_of([{"prompt": "hi"}], wants="rated")[0]
    assert isinstance(rated, Rated)
    assert rated.messages == (Message("user", "hi"),)
