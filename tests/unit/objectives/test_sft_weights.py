"""What counts in a conversation, and how much: prompts, messages, spans, tools, reasoning."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests import tiny
from torch import nn

from luthier.core.errors import DataError, MaskError
from luthier.data.features import Features
from luthier.data.load import load
from luthier.data.overflow import fit_to
from luthier.data.rows import Chat, Message, Origin, SpanWeight
from luthier.models.codec import codec_of
from luthier.models.proof import paint, prove
from luthier.objectives import Roles
from luthier.objectives.sft import Config, Sft
from luthier.ops.cross_entropy import smoothed_cross_entropy
from luthier.recipe.schema import DataSection

CODEC = codec_of(tiny.tokenizer())
AT = Origin("rows.jsonl", 1)


def chat_of(answer: str, *spans: tuple[int, int, float], weight: float = 1.0) -> Chat:
    found = tuple(SpanWeight(*span) for span in spans)
    messages = (Message("user", "what"), Message("assistant", answer, weight, spans=found))
    return Chat(origin=AT, messages=messages)


def prepared(row: Chat, **settings: Any) -> Features:
    return Sft(Config(**settings)).prepare(row, CODEC, index=0)


def runs(features: Features) -> list[tuple[str, float]]:
    """Text and weight of everything that counts."""
    painted = paint(features, CODEC)
    return [(run["text"], run["weight"]) for run in painted if run["trained"]]


# --- spans ---------------------------------------------------------------------------------------


def test_tokens_take_the_weight_of_the_span_they_stand_in() -> None:
    answer = "the capital is Paris and that is it"
    start = answer.index("Paris")
    row = chat_of(answer, (start, start + 5, 3.0))
    assert runs(prepared(row)) == [
        ("the capital is", 1.0),
        (" Paris", 3.0),
        (" and that is it<|im_end|>", 1.0),
    ]


def test_only_spans_are_learned_of_a_turn_of_weight_zero() -> None:
    row = chat_of("yes no yes", (4, 6, 2.0), weight=0.0)
    assert runs(prepared(row)) == [(" no", 2.0)]


def test_spans_of_plain_text_are_weighed_alike() -> None:
    found = prepared(chat_of("yes no yes", (4, 6, 0.5)), template="plain")
    assert (" no", 0.5) in [(run["text"], run["weight"]) for run in paint(found, CODEC)]


@given(st.text("ab é🙂 yes", min_size=1, max_size=12), st.data())
def test_every_token_has_the_weight_of_its_first_visible_character(
    answer: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(answer) - 1))
    end = data.draw(st.integers(start + 1, len(answer)))
    if not answer.strip():
        return
    found = prepared(chat_of(answer, (start, end, 0.25)))  # proved from the outside as well
    assert set(np.unique(found.loss_weights[found.loss_weights > 0])) <= {0.25, 1.0}
    if end == len(answer) and start == 0:
        assert runs(found)[0][1] == 0.25


def test_the_proof_finds_a_weight_that_slipped_to_the_next_token() -> None:
    row = chat_of("yes no yes", (4, 6, 2.0))
    good = prepared(row)
    moved = np.roll(good.loss_weights, 1)
    moved[good.loss_weights == 0] = 0.0
    with pytest.raises(MaskError, match="its span says"):
        prove(row, replace(good, loss_weights=moved), CODEC)


def test_spans_change_the_key_of_a_row_and_their_absence_does_not() -> None:
    assert chat_of("abc").key() != chat_of("abc", (0, 1, 2.0)).key()
    # as it was before messages could have spans
    known = "1fc20c3b0b5e05b74a4eba094302f36d0d6c3a9a5183a35aed8e54d98597e581"
    assert chat_of("abc").key() == known


# --- prompts and smoothing -----------------------------------------------------------------------


def test_prompts_count_by_their_own_weight_and_the_first_token_never() -> None:
    found = prepared(tiny.chat("one", "two", system="good"), prompt_weight=0.25)
    weights = {run["text"]: run["weight"] for run in paint(found, CODEC)}
    assert weights["two<|im_end|>"] == 1.0
    assert found.loss_weights[0] == 0.0
    assert 0.25 in weights.values()
    prompt = "".join(text for text, weight in weights.items() if weight == 0.25)
    assert "good" in prompt
    assert "one" in prompt


LONG = tiny.chat("one " * 60, "two three")


def test_the_answer_is_what_cutting_keeps_though_prompts_count_too() -> None:
    found = prepared(LONG, prompt_weight=0.5)
    limit = found.num_tokens - 20
    [shorter] = fit_to(found, limit, "truncate_prompt", "here")
    assert runs(shorter)[-1] == ("two three<|im_end|>", 1.0)
    with pytest.raises(DataError, match="the whole target would vanish"):
        fit_to(found, limit, "truncate_tail", "here")
    pieces = fit_to(found, 50, "split", "here")
    assert len(pieces) == 1
    assert runs(pieces[0])[-1] == ("two three<|im_end|>", 1.0)


def test_turns_without_weight_do_not_count_as_prompts() -> None:
    messages = (
        Message("user", "one"),
        Message("assistant", "two", 0.0),
        Message("user", "three"),
        Message("assistant", "yes"),
    )
    found = prepared(Chat(origin=AT, messages=messages), prompt_weight=0.5)
    read = [run["text"] for run in paint(found, CODEC) if not run["trained"]]
    assert any("two" in text for text in read)


def test_label_smoothing_is_torchs_while_training_and_absent_in_validation() -> None:
    bundle = tiny.bundle()
    objective = Sft(Config(label_smoothing=0.1, prompt_weight=0.0))
    bundle.model.requires_grad_(False)
    batch = objective.collate([objective.prepare(tiny.chat("a", "yes no"), CODEC, index=0)])
    hidden = bundle.trunk.hidden(batch, batch.tensors["at"])
    logits = nn.functional.linear(hidden, bundle.trunk.head().weight)
    labels = batch.tensors["labels"]
    plain = nn.functional.cross_entropy(logits, labels, reduction="sum")
    smoothed = nn.functional.cross_entropy(logits, labels, reduction="sum", label_smoothing=0.1)
    bundle.model.train()
    assert float(objective.loss(Roles(bundle), batch).sum) == pytest.approx(float(smoothed), 1e-5)
    bundle.model.eval()
    assert float(objective.loss(Roles(bundle), batch).sum) == pytest.approx(float(plain), 1e-5)


def test_the_gradient_of_smoothing_is_torchs() -> None:
    draws = torch.Generator().manual_seed(0)
    hidden = torch.randn(5, 8, generator=draws, requires_grad=True)
    weight = torch.randn(11, 8, generator=draws, requires_grad=True)
    labels = torch.tensor([1, 4, 10, 0, 7])
    found, _ = smoothed_cross_entropy(hidden, weight, labels, torch.ones(5), smoothing=0.2)
    logits = hidden @ weight.T
    expected = nn.functional.cross_entropy(logits, labels, reduction="sum", label_smoothing=0.2)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    ours = torch.autograd.grad(found, [hidden, weight])
    theirs = torch.autograd.grad(expected, [hidden, weight])
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


# --- tools ---------------------------------------------------------------------------------------


def with_tools() -> Chat:
    call = {"function": {"name": "add", "arguments": {"x": 1}}}
    messages = (
        Message("user", "a"),
        Message("assistant", "", tool_calls=(call,)),
        Message("tool", "2"),
        Message("assistant", "two"),
    )
    return Chat(origin=AT, messages=messages, tools=({"name": "add"},))


CALLS = (
    "{% for c in m.tool_calls or [] %}{{ '[' + c.function.name + ' ' }}"
    "{{ c.function.arguments | tojson + ']' }}{% endfor %}"
)
TOOLS = "{% if tools %}{{ '<|im_start|>system\n' + tools | tojson + '<|im_end|>\n' }}{% endif %}"
CONTENT = "{{ m.content }}"


def template(tools: str, calls: str, content: str) -> str:
    return (
        f"{tools}{{% for m in messages %}}{{{{ '<|im_start|>' + m.role + '\n' }}}}{content}{calls}"
        "{{ '<|im_end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    )


def test_a_call_is_learned_as_the_models_own_template_writes_it() -> None:
    codec = codec_of(tiny.tokenizer(template(TOOLS, CALLS, CONTENT)))
    found = Sft(Config()).prepare(with_tools(), codec, index=0)
    trained = [run["text"] for run in paint(found, codec) if run["trained"]]
    assert trained == ['[add {"x": 1}]<|im_end|>', "two<|im_end|>"]


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        (("", CALLS, CONTENT), "tool 'add'"),
        ((TOOLS, "", CONTENT), r"messages\[1\]: the call of 'add'"),
        (
            (TOOLS, CALLS, "{% if m.role != 'tool' %}{{ m.content }}{% endif %}"),
            r"messages\[2\]: the result",
        ),
    ],
)
def test_a_template_that_leaves_tools_out_is_refused(
    parts: tuple[str, str, str], what: str
) -> None:
    codec = codec_of(tiny.tokenizer(template(*parts)))
    with pytest.raises(MaskError, match=f"{what}.* left out by the model's chat template"):
        Sft(Config()).prepare(with_tools(), codec, index=0)


EITHER = (
    "{% if m.tool_calls %}{% for c in m.tool_calls %}"
    '{{ \'{"name": "\' + c.function.name + \'", "parameters": \' }}'
    "{{ c.function.arguments | tojson + '}' }}{% endfor %}"
    "{% elif m.role == 'tool' %}{{ m.content | tojson }}{% else %}{{ m.content | trim }}{% endif %}"
)
"""As Llama 3 and Mistral: a turn with calls has no content."""


@pytest.mark.parametrize("num_turns", [2, 4, 6], ids=["at the end", "in the middle", "twice"])
def test_a_call_is_learned_where_the_template_writes_it_instead_of_content(num_turns: int) -> None:
    codec = codec_of(tiny.tokenizer(template(TOOLS, EITHER, "")))
    row = with_tools()
    turns = (*row.messages, Message("user", "b"), row.messages[1])
    row = replace(row, messages=turns[:num_turns])
    found = Sft(Config()).prepare(row, codec, index=0)
    trained = [run["text"] for run in paint(found, codec) if run["trained"]]
    call = '{"name": "add", "parameters": {"x": 1}}<|im_end|>'
    assert trained == [call, "two<|im_end|>", call][: num_turns // 2]


def test_a_call_of_weight_zero_is_read_where_it_is_written_instead_of_content() -> None:
    codec = codec_of(tiny.tokenizer(template(TOOLS, EITHER, "")))
    row = with_tools()
    called = replace(row.messages[1], weight=0.0)
    row = replace(row, messages=(row.messages[0], called, *row.messages[2:]))
    found = Sft(Config()).prepare(row, codec, index=0)
    assert [run["text"] for run in paint(found, codec) if run["trained"]] == ["two<|im_end|>"]


def test_words_beside_a_call_that_the_template_leaves_out_are_refused() -> None:
    codec = codec_of(tiny.tokenizer(template(TOOLS, EITHER, "")))
    row = with_tools()
    said = replace(row.messages[1], content="let me see")
    row = replace(row, messages=(row.messages[0], said, *row.messages[2:]))
    with pytest.raises(MaskError, match=r"messages\[1\]: .*Leave the content of this turn empty"):
        Sft(Config()).prepare(row, codec, index=0)


def test_prompts_count_whole_where_the_template_leaves_the_system_turn_out() -> None:
    without = tiny.CHATML.replace("in messages %}", "in messages if message.role != 'system' %}")
    codec = codec_of(tiny.tokenizer(without))
    row = tiny.chat("one", "two", system="good")
    found = Sft(Config(prompt_weight=0.5)).prepare(row, codec, index=0)
    weights = {run["text"]: run["weight"] for run in paint(found, codec)}
    assert any("one" in text and weight == 0.5 for text, weight in weights.items())


@pytest.mark.parametrize("printed", ["tojson", "string"])
def test_a_result_with_letters_beyond_ascii_is_found_in_either_form(printed: str) -> None:
    content = f"{{{{ (m.content | {printed}) if m.role == 'tool' else m.content }}}}"
    codec = codec_of(tiny.tokenizer(template(TOOLS, CALLS, content)))
    row = with_tools()
    result = replace(row.messages[2], content='{"city": "K\u00f6ln"}')
    row = replace(row, messages=(*row.messages[:2], result, row.messages[3]))
    found = Sft(Config()).prepare(row, codec, index=0)
    assert "K\u00f6ln" in str(codec.tokenizer.decode(found.input_ids.tolist()))


# --- reasoning and files -------------------------------------------------------------------------

THOUGHT = {"role": "assistant", "content": "<think>\nhm\n</think>\n\nyes"}
TALK = [
    {"role": "user", "content": "a"},
    THOUGHT,
    {"role": "user", "content": "b"},
    {**THOUGHT, "content": "no", "reasoning_content": "so"},
]


def loaded(folder: Path, row: dict[str, Any], **section: Any) -> Any:
    path = folder / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    settings: dict[str, Any] = {"validation_share": 0.0, "test_share": 0.0, **section}
    return load(DataSection(train=str(path), **settings), seed=0)


@pytest.mark.parametrize(
    ("reasoning", "answers"),
    [
        ("keep", ["<think>\nhm\n</think>\n\nyes", "<think>\nso\n</think>\n\nno"]),
        ("last", ["yes", "<think>\nso\n</think>\n\nno"]),
        ("drop", ["yes", "no"]),
    ],
)
def test_reasoning_stays_where_it_is_asked_for_and_is_learned_there(
    reasoning: str, answers: list[str], tmp_path: Path
) -> None:
    found = loaded(tmp_path, {"messages": TALK}, reasoning=reasoning)
    row = found.splits.train[0]
    assert [m.content for m in row.messages if m.role == "assistant"] == answers
    assert [text for text, _ in runs(prepared(row))] == [f"{text}<|im_end|>" for text in answers]
    told = found.ledger.document()["rows"]["shortened"]
    assert len(told) == (0 if reasoning == "keep" else 1)


def test_spans_follow_their_characters_when_reasoning_goes(tmp_path: Path) -> None:
    content = "<think>hm</think> yes no"
    spans = [{"start": content.index("no"), "end": len(content), "weight": 2}]
    turn = {"role": "assistant", "content": content, "spans": spans}
    row = loaded(tmp_path, {"messages": [TALK[0], turn]}, reasoning="drop").splits.train[0]
    assert runs(prepared(row))[1] == (" no", 2.0)


@pytest.mark.parametrize(
    ("spans", "words"),
    [
        ([{"start": 0, "end": 9, "weight": 1}], "0 <= start < end <= 3"),
        ([{"start": 2, "end": 1, "weight": 1}], "0 <= start < end <= 3"),
        ([{"start": 0, "end": 2}], "weight: missing"),
        ([{"start": 0, "end": 2, "weight": -1}], "at least 0"),
        (
            [{"start": 0, "end": 2, "weight": 1}, {"start": 1, "end": 3, "weight": 0}],
            "overlap",
        ),
    ],
)
def test_bad_spans_are_told_with_their_place(spans: list[Any], words: str, tmp_path: Path) -> None:
    turn = {"role": "assistant", "content": "yes", "spans": spans}
    with pytest.raises(DataError, match=rf"line 1, messages\[1\]\.spans.*{words}"):
        loaded(tmp_path, {"messages": [TALK[0], turn]})
