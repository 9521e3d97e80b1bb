"""Rows of every shape are recognised and checked; what is wrong is said with its place."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import DataError
from luthier.data.formats import formats
from luthier.data.headings import known
from luthier.data.ledger import Ledger
from luthier.data.parse import Parsed, Reading, parse_file
from luthier.data.rows import Chat, Labeled, Message, Row, Text

GOOD = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]}


def parse(
    folder: Path, records: Sequence[Mapping[str, Any]], ledger: Ledger | None = None, **options: Any
) -> Parsed:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return parse_file(str(path), Reading(**options), ledger or Ledger())


def chat_of(folder: Path, record: Mapping[str, Any], **options: Any) -> Chat:
    row = parse(folder, [record], **options).rows[0]
    assert isinstance(row, Chat)
    return row


def turns(chat: Chat) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in chat.messages]


def test_openai_messages_keep_weight_and_tools(tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    record = {
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "messages": [
            {"role": "developer", "content": "be brief"},
            {
                "role": "user",
                "content": [{"type": "text", "text": "do"}, {"type": "text", "text": " it"}],
            },
            {"role": "assistant", "content": None, "tool_calls": [call], "weight": 0},
            {"role": "tool", "content": "done", "tool_call_id": "c1"},
            {"role": "assistant", "content": "ok"},
        ],
    }
    chat = chat_of(tmp_path, record)
    assert turns(chat)[:2] == [("system", "be brief"), ("user", "do it")]
    assert chat.messages[2].tool_calls[0]["function"] == {"name": "f", "arguments": {"a": 1}}
    assert [message.weight for message in chat.messages] == [1, 1, 0, 1, 1]
    assert chat.messages[3].tool_call_id == "c1"
    assert len(chat.tools) == 1


def test_turns_behind_the_last_answer_are_left_out(tmp_path: Path) -> None:
    record = {"messages": [*GOOD["messages"], {"role": "user", "content": "thanks"}]}
    ledger = Ledger()
    parsed = parse(tmp_path, [GOOD, record, record], ledger)
    assert isinstance(parsed.rows[1], Chat)
    assert turns(parsed.rows[1]) == [("user", "hi"), ("assistant", "yo")]
    left_out = ledger.document()["rows"]["shortened"][
        "turns behind the last assistant turn left out"
    ]
    assert left_out["count"] == 2
    assert left_out["examples"][0].endswith("rows.jsonl line 2")
    assert (
        "line 2: turns behind the last assistant turn left out (in 2 rows" in parsed.description[-1]
    )


def test_an_empty_answer_drops_the_row_only_where_it_would_be_trained(tmp_path: Path) -> None:
    silent = {"role": "assistant", "content": ""}
    rows = [{"messages": [GOOD["messages"][0], {**silent, "weight": weight}, *GOOD["messages"]]}
            for weight in (0, 1)]  # fmt: skip
    ledger = Ledger()
    assert len(parse(tmp_path, rows, ledger).rows) == 1
    assert ledger.dropped["empty answer"].examples == [f"{tmp_path / 'rows.jsonl'} line 2"]


def test_a_system_column_beside_messages_comes_first(tmp_path: Path) -> None:
    expected = [("system", "be kind"), ("user", "hi"), ("assistant", "yo")]
    assert turns(chat_of(tmp_path, {"system": "be kind", **GOOD})) == expected
    own = {"messages": [{"role": "system", "content": "be brief"}, *GOOD["messages"]]}
    ledger = Ledger()
    parsed = parse(tmp_path, [{"system": "be kind", **own}, {"system": "be brief", **own}], ledger)
    assert all(
        isinstance(row, Chat) and row.messages[0].content == "be brief" for row in parsed.rows
    )
    assert ledger.shortened["column 'system' left out: the turns begin with another"].count == 1


@pytest.mark.parametrize("column", ["messages", "conversations"])
def test_turns_may_be_json_in_a_cell_of_a_table(tmp_path: Path, column: str) -> None:
    said = [("role", "content")] if column == "messages" else [("from", "value")]
    cell = json.dumps([{who: "user", what: "hi, \u00fc"} for who, what in said])
    cell = cell[:-1] + ", " + json.dumps({said[0][0]: "assistant", said[0][1]: "yo"}) + "]"
    path = tmp_path / "a.csv"
    quoted = cell.replace('"', '""')
    path.write_text(f'id,{column}\n1,"{quoted}"\n')
    parsed = parse_file(str(path), Reading(), Ledger())
    assert isinstance(parsed.rows[0], Chat)
    assert turns(parsed.rows[0]) == [("user", "hi, \u00fc"), ("assistant", "yo")]
    path.write_text(f"id,{column}\n1,\"[{{'{said[0][0]}': 'user'}}]\"\n")
    with pytest.raises(DataError, match=r"a\.csv line 2.*expected JSON[^\n]*\n.*json\.dumps"):
        parse_file(str(path), Reading(), Ledger())


@pytest.mark.parametrize("levels", [101, 700])
def test_tools_nested_too_deep_are_refused(tmp_path: Path, levels: int) -> None:
    deep: Any = []
    for _ in range(levels):
        deep = [deep]
    call = {"function": {"name": "f", "arguments": {"x": deep}}}
    asked = GOOD["messages"][0]
    calling = {"messages": [asked, {"role": "assistant", "tool_calls": [call]}]}
    for row in (calling, {**GOOD, "tools": [{"name": "f", "x": deep}]}):
        with pytest.raises(DataError, match=r"line 1.* nested "):
            parse(tmp_path, [row])


def test_a_label_that_is_no_number_is_told_from_a_missing_one(tmp_path: Path) -> None:
    labels: list[Any] = [1, 2, float("nan"), float("inf"), None, ""]
    rows = [{"text": f"t{i}", "label": label} for i, label in enumerate(labels)]
    ledger = Ledger()
    parse(tmp_path, [*rows, {"text": "t"}], ledger, wants="labeled")
    dropped = {reason: entry.count for reason, entry in ledger.dropped.items()}
    assert dropped == {"label is not a number (nan or infinite)": 2, "no label": 3}


def test_sharegpt_turns_function_calls_into_tool_calls(tmp_path: Path) -> None:
    record = {
        "system": "be kind",
        "tools": '[{"name": "f"}]',
        "conversations": [
            {"from": "human", "value": "area?"},
            {"from": "function_call", "value": '{"name": "f", "arguments": {"a": 1}}'},
            {"from": "observation", "value": "15"},
            {"from": "gpt", "value": "It is 15"},
        ],
    }
    chat = chat_of(tmp_path, record)
    assert [role for role, _ in turns(chat)] == ["system", "user", "assistant", "tool", "assistant"]
    assert chat.messages[2].tool_calls[0]["function"]["name"] == "f"
    assert chat.tools == ({"name": "f"},)


def test_alpaca_joins_instruction_and_input_and_unrolls_history(tmp_path: Path) -> None:
    record = {"instruction": "Add", "input": "1 2", "output": "3", "history": [["a", "b"]]}
    expected = [("user", "a"), ("assistant", "b"), ("user", "Add\n1 2"), ("assistant", "3")]
    assert turns(chat_of(tmp_path, record)) == expected


@pytest.mark.parametrize(
    ("asked", "said"),
    [("prompt", "completion"), ("Question", "Answer"), ("input", "output"), ("query", "response")],
)
def test_prompt_and_completion_are_known_under_many_names(
    tmp_path: Path, asked: str, said: str
) -> None:
    parsed = parse(tmp_path, [{asked: "1+1?", said: "2"}])
    assert parsed.format == "prompt_completion"
    assert f"'{asked}' is the prompt" in parsed.description[1]
    assert turns(chat_of(tmp_path, {asked: "1+1?", said: "2"})) == [
        ("user", "1+1?"),
        ("assistant", "2"),
    ]


def test_prompt_and_completion_may_be_lists_of_messages(tmp_path: Path) -> None:
    record = {"prompt": GOOD["messages"][:1], "completion": GOOD["messages"][1:]}
    assert turns(chat_of(tmp_path, record)) == [("user", "hi"), ("assistant", "yo")]


def test_two_possible_pairs_of_prompt_and_answer_are_not_guessed(tmp_path: Path) -> None:
    record = {"question": "a", "answer": "b", "input": "c", "output": "d"}
    with pytest.raises(
        DataError, match=r"data\.columns = \{prompt: input, completion: output\} or"
    ):
        parse(tmp_path, [record])
    mapped = {"prompt": "question", "completion": "answer"}
    assert turns(chat_of(tmp_path, record, columns=mapped)) == [("user", "a"), ("assistant", "b")]


@pytest.mark.parametrize(
    ("value", "name"),
    [(1, "1"), (1.0, "1"), ("1.0", "1"), (" Refund ", "Refund"), (True, "true"), (["x"], "x")],
)
def test_labels_of_every_kind_become_names(tmp_path: Path, value: Any, name: str) -> None:
    row = parse(tmp_path, [{"text": "a", "label": value}]).rows[0]
    assert isinstance(row, Labeled)
    assert row.label == name


@pytest.mark.parametrize("value", [0.5, ["a", "b"], {"a": 1}])
def test_labels_that_are_no_single_class_are_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(DataError, match="label: got"):
        parse(tmp_path, [{"text": "a", "label": value}], wants="labeled")


def test_pairs_of_texts_are_recognised(tmp_path: Path) -> None:
    row = parse(tmp_path, [{"premise": "a", "hypothesis": "b", "label": 0}]).rows[0]
    assert (row.text, row.text_pair) == ("a", "b")  # type: ignore[attr-defined]


def test_names_of_labels_are_preferred_to_their_numbers(tmp_path: Path) -> None:
    row = parse(tmp_path, [{"text": "a", "label": 0, "label_text": "bad"}]).rows[0]
    assert row.label == "bad"  # type: ignore[attr-defined]


def test_columns_without_names_are_told_apart_by_their_values(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("a fine film\t1\na dull film\t0\nmore of the same\t0\nwhat a joy\t1\n")
    parsed = parse_file(str(path), Reading(wants="labeled"), Ledger())
    assert [row.label for row in parsed.rows] == ["1", "0", "0", "1"]  # type: ignore[attr-defined]
    assert "by its values, 'column_2' (2 short ones) is the class" in parsed.description[1]


def test_a_column_is_told_by_its_last_word(tmp_path: Path) -> None:
    records = [{"condition_label": i % 2, "medical_abstract": f"long text {i}"} for i in range(6)]
    parsed = parse(tmp_path, records)
    assert [row.label for row in parsed.rows][:2] == ["0", "1"]  # type: ignore[attr-defined]


def test_tags_of_single_words_are_not_taken_for_classes(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("Berlin\tB-LOC\nis\tO\nin\tO\nGermany\tB-LOC\nas\tO\nsaid\tO\n")
    with pytest.raises(DataError, match="a tag for every single word"):
        parse_file(str(path), Reading(), Ledger())


def test_lines_that_begin_with_their_class_are_labelled(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(
        "LOC:city Where is it ?\nNUM:date When was it ?\nLOC:city Where ?\nLOC:city W ?\n"
    )
    rows = parse_file(str(path), Reading(), Ledger()).rows
    assert (rows[0].label, rows[0].text) == ("LOC:city", "Where is it ?")  # type: ignore[attr-defined]


def test_raw_text_stays_as_it_is(tmp_path: Path) -> None:
    row = parse(tmp_path, [{"text": " a\x85b "}]).rows[0]
    assert isinstance(row, Text)
    assert row.text == " a\x85b "


def test_what_is_wanted_decides_between_shapes(tmp_path: Path) -> None:
    records = [{"text": f"t{i}", "label": i % 2} for i in range(4)]
    assert parse(tmp_path, records).shape == "labeled"
    assert parse(tmp_path, records, wants="text").shape == "text"
    with pytest.raises(DataError, match="not recognised as a conversation"):
        parse(tmp_path, records, wants="chat")
    with pytest.raises(
        DataError, match=r"not recognised as a text with its label.*\n.*label: NAME"
    ):
        parse(tmp_path, [GOOD], wants="labeled")


def test_a_format_can_be_forced_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    record = {"text": "a", "label": "b"}
    assert parse(tmp_path, [record], format="text").format == "text"
    with pytest.raises(DataError, match="format 'alpaca'"):
        parse(tmp_path, [record], format="alpaca")


def test_named_columns_are_used_and_a_wrong_name_is_mended(tmp_path: Path) -> None:
    records = [{"review": "good", "stars": 5.0}, {"review": "bad", "stars": 1.0}]
    parsed = parse(tmp_path, records, columns={"text": "review", "label": "stars"})
    assert [row.label for row in parsed.rows] == ["5", "1"]  # type: ignore[attr-defined]
    with pytest.raises(DataError, match=r"'reviw'.*did you mean 'review'"):
        parse(tmp_path, records, columns={"text": "reviw"})
    with pytest.raises(DataError, match="'txt' is no column Luthier knows; did you mean 'text'"):
        parse(tmp_path, records, columns={"txt": "review"})


def test_unrecognised_columns_offer_the_nearest_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'promt' looks like 'prompt'"):
        parse(tmp_path, [{"promt": "a", "reply": "b"}])


@pytest.mark.parametrize("format", ["auto", "labeled"])
def test_columns_that_only_their_values_tell_are_offered_for_somebody_to_confirm(
    tmp_path: Path, format: str
) -> None:
    said = ["die Rechnung kam doppelt", "das Bild bleibt schwarz", "ich warte auf mein Geld"]
    records = [
        {"was gesagt wurde": f"{said[n % 3]} {n}", "Amt": "AB"[n % 2], "Datum": f"2024-03-0{n % 9}"}
        for n in range(30)
    ]
    with pytest.raises(DataError) as caught:
        parse(tmp_path, records, format=format)
    assert "they may be a text with its label: data.columns = " in str(caught.value)
    assert "{text: was gesagt wurde, label: Amt}" in str(caught.value)
    assert "looks like" not in str(caught.value)
    columns = {"text": "was gesagt wurde", "label": "Amt"}
    described = parse(tmp_path, records, columns=columns).description[-1]
    assert "column 'was gesagt wurde' is the text, 'Amt' its class" in described


def test_columns_that_are_called_like_each_other_are_said_as_they_are_read(tmp_path: Path) -> None:
    records = [{"label": f"a long text {n}", "text": "ab"[n % 2]} for n in range(30)]
    described = parse(tmp_path, records, columns={"text": "label", "label": "text"}).description[-1]
    assert "column 'label' is the text, 'text' its class" in described


def test_rows_that_are_not_what_is_wanted_are_told_every_way_to_name_their_columns(
    tmp_path: Path,
) -> None:
    with pytest.raises(DataError, match=r"\{text: NAME, label: NAME\}") as caught:
        parse(tmp_path, [{"tokens": ["a"], "tags": ["O"]}], wants="labeled")
    assert "{picture: NAME, label: NAME}" in str(caught.value)


def test_preference_rows_are_refused_rather_than_misread(tmp_path: Path) -> None:
    pair = {"prompt": "a", "chosen": "b", "rejected": "c", "completion": "b"}
    with pytest.raises(DataError, match=r"(?s)a chosen and a rejected .*data\.format = prompt"):
        parse(tmp_path, [pair], wants="chat")
    del pair["completion"]
    with pytest.raises(DataError, match=r"(?s)a chosen and a rejected .*completion: NAME"):
        parse(tmp_path, [pair], wants="chat")
    with pytest.raises(DataError, match="found good or bad"):
        parse(tmp_path, [{**GOOD, "label": True}], wants="chat")
    assert parse(tmp_path, [{**GOOD, "label": True}], format="messages").rows


def test_an_unknown_role_is_named_with_the_line_to_write(tmp_path: Path) -> None:
    bad = {"messages": [{"role": "user", "content": "a"}, {"role": "bot", "content": "b"}]}
    with pytest.raises(DataError) as caught:
        parse(tmp_path, [GOOD, bad])
    assert "rows.jsonl line 2, messages[1].role: got 'bot', expected 'system', 'user'" in str(
        caught.value
    )
    assert "data.roles = {bot: assistant}" in str(caught.value)
    assert turns(chat_of(tmp_path, bad, roles={"bot": "assistant"}))[1] == ("assistant", "b")


def test_a_role_mapped_to_no_role_is_named_with_what_it_is_mapped_to(tmp_path: Path) -> None:
    bad = {"messages": [{"role": "user", "content": "a"}, {"role": "bot", "content": "b"}]}
    with pytest.raises(
        DataError, match=r"'bot' is mapped to 'asistant' \(data\.roles\), .*mean 'assistant'\?"
    ):
        chat_of(tmp_path, bad, roles={"bot": "asistant"})


def test_a_column_has_one_meaning(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"review": "good", "stars": 5}\n')
    columns = {"text": "review", "label": "review"}
    with pytest.raises(DataError, match=r"data\.columns: 'review' is named twice, as text and as"):
        parse_file(str(path), Reading(columns=columns), Ledger())


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        ({"role": "assistant", "content": 7}, r"messages\[1\]\.content: got 7 \(a number\)"),
        ({"role": "assistant", "content": [{"type": "image_url"}]}, "got 'image_url'"),
        ({"role": "assistant", "contents": "b"}, "is 'contents' meant to be it"),
        ({"rol": "assistant", "content": "b"}, "is 'rol' meant to be it"),
        ({"role": "assistant", "content": "b", "weight": -1}, r"weight: got -1, expected 0, 1"),
        ({"role": "assistant", "content": "b", "weight": "no"}, "weight: got 'no'"),
        ({"role": 3, "content": "b"}, "role: got 3"),
        ("assistant: b", "expected role and content"),
    ],
)
def test_a_broken_turn_is_named_exactly(tmp_path: Path, turn: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        parse(tmp_path, [GOOD, {"messages": [GOOD["messages"][0], turn]}])


def test_many_broken_rows_are_one_message(tmp_path: Path) -> None:
    bad = {"messages": [{"role": "bot", "content": "b"}]}
    with pytest.raises(DataError, match="and 6 more rows with such problems"):
        parse(tmp_path, [GOOD, *[bad] * 9])


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": " "}]},
         "empty answer"),
        ({"messages": [{"role": "user", "content": "a"}]}, "no assistant turn"),
        ({"messages": [{"role": "user", "content": "a"},
                       {"role": "assistant", "content": "b", "weight": 0}]},
         "every assistant turn has weight 0"),
        ({"messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": "b"}]},
         "empty prompt"),
        ({"messages": [{"role": "user", "content": "\ud83d"}, GOOD["messages"][1]]},
         "text with half a surrogate pair (\\ud83d and the like)"),
    ],
)  # fmt: skip
def test_rows_without_anything_to_learn_are_dropped_with_their_reason(
    tmp_path: Path, record: Mapping[str, Any], reason: str
) -> None:
    ledger = Ledger()
    parsed = parse(tmp_path, [GOOD, record], ledger)
    assert len(parsed.rows) == 1
    assert ledger.dropped[reason].count == 1
    assert ledger.dropped[reason].examples[0].endswith("rows.jsonl line 2")


def test_every_registered_format_says_its_shape_and_columns() -> None:
    for name, kind in formats.items():
        assert kind.shape in {row.shape() for row in Row.__subclasses__()}, name
        assert kind.canonical, name


def test_messages_default_to_weight_one() -> None:
    assert Message("assistant", "x").weight == 1.0


def test_a_first_line_made_of_names_that_one_format_knows_is_a_header() -> None:
    declared = {name for _, kind in formats.items() for name in kind.about.names}
    assert declared <= known()
    assert {"text", "label", "prompt"} <= known()


def test_what_may_be_missing_in_rows_to_be_predicted_is_a_column_the_format_knows() -> None:
    for name, kind in formats.items():
        assert kind.about.targets <= set(kind.canonical), name
        assert kind.about.words, name


@pytest.mark.parametrize(
    ("answer", "words"),
    [(51.0, "51"), (7, "7"), (0.5, "0.5"), (-3, "-3"), ("x", "x"), (10**400, "1" + "0" * 400)],
)
def test_a_number_is_an_answer_as_people_write_it(
    tmp_path: Path, answer: object, words: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"question": "How many?", "answer": answer}) + "\n")
    (row,) = parse_file(str(path), Reading(wants="chat"), Ledger()).rows
    assert isinstance(row, Chat)
    assert row.messages[-1].content == words


def test_sentences_of_a_source_are_one_prompt_and_of_several_answers_the_first_is_learned(
    tmp_path: Path,
) -> None:
    path, ledger = tmp_path / "a.jsonl", Ledger()
    path.write_text(json.dumps({"source": ["One.", "Two."], "target": ["Short.", "Brief."]}) + "\n")
    (row,) = parse_file(str(path), Reading(), ledger).rows
    assert isinstance(row, Chat)
    assert [turn.content for turn in row.messages] == ["One. Two.", "Short."]
    assert "only the first of several answers is learned" in ledger.shortened
