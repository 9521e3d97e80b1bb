"""The mask: derived by rendering, proved from the outside, and broken codecs are caught."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import tiny

from luthier.core.errors import DataError, MaskError, ModelError
from luthier.data.features import Features
from luthier.data.overflow import fit_to
from luthier.data.rows import Chat, Message, Origin
from luthier.models.bundle import Rendered
from luthier.models.codec import TemplateCodec, codec_of
from luthier.models.proof import paint, prove
from luthier.objectives.sft import Config, Sft

CODEC = codec_of(tiny.tokenizer())
DEFAULT_SYSTEM = codec_of(tiny.tokenizer(tiny.CHATML_DEFAULT_SYSTEM))
END = 2
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Co"]), max_size=30)


def features_of(rendered: Rendered) -> Features:
    return Features(0, rendered.input_ids, rendered.loss_weights)


def check(row: Chat, codec: Any = CODEC, **changes: Any) -> None:
    """Prove that training on every answer of the row is sound."""
    prove(row, features_of(codec.render(row)), codec, **changes)


def trained_text(rendered: Rendered, codec: TemplateCodec = CODEC) -> str:
    return "".join(run["text"] for run in paint(features_of(rendered), codec) if run["trained"])


def template_ids(codec: TemplateCodec, row: Chat) -> list[int]:
    messages = [{"role": m.role, "content": m.content} for m in row.messages]
    return codec.tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)


def test_the_answer_and_its_end_of_turn_are_trained_and_nothing_else() -> None:
    rendered = CODEC.render(tiny.chat("hello", "yes it is", system="be good"))
    assert trained_text(rendered) == "yes it is<|im_end|>"


def test_the_end_of_turn_counts_though_it_is_also_the_padding_token() -> None:
    assert CODEC.tokenizer.pad_token_id == END
    rendered = CODEC.render(tiny.chat("hello", "yes"))
    assert rendered.loss_weights[rendered.input_ids == END].tolist() == [0.0, 1.0]


def test_every_answer_of_a_conversation_is_trained() -> None:
    rendered = DEFAULT_SYSTEM.render(tiny.chat("a", "b", "c", "d"))
    assert trained_text(rendered) == "b<|im_end|>d<|im_end|>"


def test_an_answer_that_repeats_the_question_is_found_by_its_place() -> None:
    row = tiny.chat("yes", "yes", "yes", "yes")
    rendered = CODEC.render(row)
    assert trained_text(rendered) == "yes<|im_end|>yes<|im_end|>"
    check(row)


def test_a_message_weight_scales_its_tokens_and_weight_0_leaves_it_out() -> None:
    row = tiny.chat("a", "b", "c", "d")
    messages = list(row.messages)
    messages[1], messages[3] = replace(messages[1], weight=0), replace(messages[3], weight=0.5)
    row = replace(row, messages=tuple(messages))
    rendered = CODEC.render(row)
    check(row)
    assert trained_text(rendered) == "d<|im_end|>"
    assert set(rendered.loss_weights.tolist()) == {0.0, 0.5}


@pytest.mark.parametrize("codec", [CODEC, DEFAULT_SYSTEM], ids=["chatml", "default system"])
@settings(max_examples=40, deadline=None)
@given(question=texts, answer=texts.filter(lambda text: not text[:1].isspace()))
def test_ids_equal_those_of_transformers(codec: TemplateCodec, question: str, answer: str) -> None:
    row = tiny.chat(question, answer)
    assert codec.render(row).input_ids.tolist() == template_ids(codec, row)


@settings(max_examples=40, deadline=None)
@given(contents=st.lists(texts, min_size=2, max_size=6).filter(lambda c: len(c) % 2 == 0))
def test_any_conversation_is_proved(contents: list[str]) -> None:
    row = tiny.chat(*contents)
    check(row)


@settings(max_examples=40, deadline=None)
@given(
    parts=st.lists(st.sampled_from(["<|im_end|>", "<|im_start|>", "hi", "\n", "<|im_", "end|>"])),
    answer=st.lists(st.sampled_from(["<|im_end|>", "<|endoftext|>", "yes"]), min_size=1),
)
def test_typed_control_tokens_stay_text(parts: list[str], answer: list[str]) -> None:
    row = tiny.chat("".join(parts), "".join(answer))
    rendered = CODEC.render(row)
    check(row)
    assert int((rendered.input_ids == END).sum()) == 2
    assert trained_text(rendered) == "".join(answer) + "<|im_end|>"


def test_generation_is_prompted_with_the_training_prefix() -> None:
    row = tiny.chat("hello <|im_end|>", "\nyes", "two", " three")
    rendered = CODEC.render(row)
    prompt = CODEC.prompt(row.prompt(), row)
    assert rendered.input_ids[: len(prompt)].tolist() == prompt.tolist()
    assert rendered.loss_weights[len(prompt)] == 1


def test_tools_and_calls_reach_the_template() -> None:
    template = (
        "{% if tools %}{{ '<|im_start|>system\n' + tools | tojson + '<|im_end|>\n' }}{% endif %}"
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content }}"
        "{% for c in m.tool_calls or [] %}{{ '[call ' + c.function.name + ' ' }}"
        "{{ c.function.arguments.x ~ ']' }}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    )
    codec = codec_of(tiny.tokenizer(template))
    call = {"function": {"name": "add", "arguments": json.dumps({"x": 1})}}
    messages = (
        Message("user", "a"),
        Message("assistant", "", tool_calls=(call,)),
        Message("tool", "2"),
        Message("assistant", "two"),
    )
    row = Chat(origin=Origin("t.jsonl", 1), messages=messages, tools=({"name": "add"},))
    rendered = codec.render(row)
    check(row, codec)
    assert trained_text(rendered, codec) == "[call add 1]<|im_end|>two<|im_end|>"
    assert '[{"name": "add"}]' in paint(features_of(rendered), codec)[0]["text"]


def test_a_control_token_in_a_tool_call_is_refused() -> None:
    call = {"function": {"name": "<|im_end|>", "arguments": "{}"}}
    messages = (Message("user", "a"), Message("assistant", "b", tool_calls=(call,)))
    with pytest.raises(MaskError, match=r"rows.jsonl line 3: .*control token '<\|im_end\|>'"):
        CODEC.render(Chat(origin=Origin("rows.jsonl", 3), messages=messages))


# --- templates that do not allow a proof -------------------------------------------------------

NO_END = "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}" + (
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)
OTHER_PROMPT = tiny.CHATML.replace("'<|im_start|>assistant\n'", "'<|im_start|>bot\n'")
DROPS_HISTORY = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
    "{{ m.content.split('|')[-1] if m.role == 'assistant' and not loop.last else m.content }}"
    "{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
UNCLOSED = tiny.CHATML.replace(
    "+ '<|im_end|>' +", "+ ('<|im_end|>' if message['role'] == 'user' else '') +"
)
REFUSES = "{{ raise_exception('roles must alternate') }}"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (NO_END, "does not close this answer with an end-of-turn token"),
        (OTHER_PROMPT, "differently for training"),
        (UNCLOSED, "does not close this answer with an end-of-turn token"),
        (REFUSES, "roles must alternate"),
    ],
    ids=["no end", "other prompt", "unclosed", "refuses"],
)
def test_a_template_without_provable_mask_is_refused(template: str, says: str) -> None:
    codec = codec_of(tiny.tokenizer(template))
    with pytest.raises(DataError, match=rf"rows.jsonl line 7: .*{says}") as caught:
        codec.render(tiny.chat("a", "b", "c", "d", line=7))
    if isinstance(caught.value, MaskError):  # it could be rendered: the row is shown
        trained = [piece["text"] for piece in caught.value.pieces if piece["trained"]]
        assert trained == ["b", "d"]
        assert "[[b]]" in str(caught.value)


def test_a_template_that_drops_part_of_an_earlier_answer_is_caught() -> None:
    codec = codec_of(tiny.tokenizer(DROPS_HISTORY))
    row = tiny.chat("a", "thought|b", "c", "d")
    with pytest.raises(MaskError, match=r"messages\[1\]: the content is not wholly"):
        check(row, codec)


# --- codecs that are broken on purpose ---------------------------------------------------------


def everything(rendered: Rendered) -> Rendered:
    weights = np.ones_like(rendered.loss_weights)
    weights[0] = 0
    return replace(rendered, loss_weights=weights)


def nothing(rendered: Rendered) -> Rendered:
    return replace(rendered, loss_weights=np.zeros_like(rendered.loss_weights))


def without_end(rendered: Rendered) -> Rendered:
    weights = rendered.loss_weights.copy()
    weights[rendered.input_ids == CODEC.tokenizer.pad_token_id] = 0
    return replace(rendered, loss_weights=weights)


def first_answer_lost(rendered: Rendered) -> Rendered:
    first = next(segment for segment in rendered.segments if segment.trained)
    weights = rendered.loss_weights.copy()
    weights[first.start : first.end] = 0
    parts = tuple(replace(s, trained=False) if s is first else s for s in rendered.segments)
    return replace(rendered, loss_weights=weights, segments=parts)


def wider(rendered: Rendered) -> Rendered:
    """Trains, and claims as the answer's, the last token of the prompt too."""
    parts, weights = list(rendered.segments), rendered.loss_weights.copy()
    index = next(i for i, segment in enumerate(parts) if segment.trained)
    parts[index - 1] = replace(parts[index - 1], end=parts[index - 1].end - 1)
    parts[index] = replace(parts[index], start=parts[index].start - 1)
    weights[parts[index].start] = 1
    return replace(rendered, loss_weights=weights, segments=tuple(parts))


def control_token_smuggled(rendered: Rendered) -> Rendered:
    ids = rendered.input_ids.copy()
    ids[4] = 1
    return replace(rendered, input_ids=ids)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (everything, "weights other than"),
        (nothing, "no token is trained"),
        (without_end, "weights other than"),
        (first_answer_lost, "weights other than 1.0"),
        (wider, "weights other than 0.0"),
        (control_token_smuggled, "other tokens than the conversation gives"),
    ],
)
def test_a_broken_mask_is_caught_with_row_and_tokens(
    damage: Callable[[Rendered], Rendered], says: str
) -> None:
    row = tiny.chat("hello", "yes", "two", "three", line=5)
    with pytest.raises(MaskError, match=f"rows.jsonl line 5: .*({says})") as caught:
        prove(row, features_of(damage(CODEC.render(row))), CODEC)
    assert "<|im_start|>" in str(caught.value)
    assert "hello" in "".join(piece["text"] for piece in caught.value.pieces)


@dataclass
class Liar:
    """A codec whose every rendering is damaged in the same way, segments and weights alike."""

    damage: Callable[[Rendered], Rendered]
    prompt_tokens: int | None = None
    tokenizer: Any = CODEC.tokenizer
    end_of_turn_ids: frozenset[int] = CODEC.end_of_turn_ids
    is_plain: bool = False

    def render(self, row: Chat) -> Rendered:
        return self.damage(CODEC.render(row))

    def prompt(self, messages: Any, row: Any = None) -> Any:
        return CODEC.prompt(messages, row)[: self.prompt_tokens]


def users_words(rendered: Rendered) -> Rendered:
    parts = list(rendered.segments)
    index = next(i for i, segment in enumerate(parts) if segment.trained)
    parts[index] = replace(parts[index], start=parts[0].start + 1)
    parts[:index] = [replace(parts[0], end=1)]
    weights = rendered.loss_weights.copy()
    weights[1 : parts[1].end] = 1
    return replace(rendered, loss_weights=weights, segments=tuple(parts))


@pytest.mark.parametrize(
    ("liar", "says"),
    [
        (Liar(first_answer_lost), r"answers trained: messages \[3\], expected \[1, 3\]"),
        (Liar(wider), "other tokens before the answer than generation"),
        (Liar(control_token_smuggled), "other tokens before the answer than|control tokens"),
        (Liar(users_words, prompt_tokens=1), "trained tokens go on behind an end-of-turn token"),
    ],
    ids=["first answer lost", "wider", "control token smuggled", "the user's words"],
)
def test_a_codec_that_lies_consistently_is_caught(liar: Liar, says: str) -> None:
    with pytest.raises(MaskError, match=says):
        check(tiny.chat("hello", "yes", "two", "three"), liar)


def test_a_prompt_that_cannot_be_had_is_a_violation_of_the_row() -> None:
    class Mute(Liar):
        def prompt(self, *_: Any) -> Any:
            raise MaskError("no prompt")

    with pytest.raises(MaskError, match=r"rows\.jsonl line 1: no prompt") as caught:
        check(tiny.chat("hello", "yes"), Mute(lambda rendered: rendered))
    assert [piece["text"] for piece in caught.value.pieces if piece["trained"]] == ["yes<|im_end|>"]


# --- what an objective makes of the mask --------------------------------------------------------


def test_training_the_last_answer_only_is_proved_as_that() -> None:
    row = tiny.chat("hello", "yes", "two", "three")
    every = features_of(CODEC.render(row))
    last = Sft(Config(train_on="last")).prepare(row, CODEC, index=0)
    prove(row, last, CODEC, train_on="last")
    with pytest.raises(MaskError, match=r"weights other than 0\.0"):
        prove(row, every, CODEC, train_on="last")
    with pytest.raises(MaskError, match=r"weights other than 1\.0"):
        prove(row, last, CODEC)


def test_a_picture_shows_what_is_trained_after_train_on_and_cutting() -> None:
    row = tiny.chat("hello", "yes", "two", "three")
    last = Sft(Config(train_on="last")).prepare(row, CODEC, index=0)
    assert [run["text"] for run in paint(last, CODEC) if run["trained"]] == ["three<|im_end|>"]
    (cut,) = fit_to(last, last.num_tokens - 2, "truncate_tail", "here")
    assert [run["text"] for run in paint(cut, CODEC) if run["trained"]] == ["three"]


# --- models without a template -----------------------------------------------------------------


def test_a_base_model_says_what_to_do_with_conversations() -> None:
    codec = codec_of(tiny.tokenizer(None))
    assert not codec.has_template
    with pytest.raises(ModelError, match=r"no chat template.*objective lm"):
        codec.render(tiny.chat("a", "b"))


def test_plain_rendering_trains_the_completion_and_end_of_text() -> None:
    codec = codec_of(tiny.tokenizer(None)).plain()
    row = tiny.chat("hello <|im_end|>", "yes")
    rendered = codec.render(row)
    check(row, codec)
    assert (
        codec.tokenizer.decode(rendered.input_ids.tolist()) == "hello <|im_end|>\nyes<|endoftext|>"
    )
    assert trained_text(rendered, codec) == "yes<|endoftext|>"
    prompt = codec.prompt(row.prompt(), row)
    assert prompt.tolist() == rendered.input_ids[: len(prompt)].tolist()
    assert codec.end_of_text_id in codec.end_of_turn_ids


def test_plain_rows_with_characters_that_the_tokenizer_does_not_know_are_proved() -> None:
    codec = codec_of(tiny.word_tokenizer()).plain()
    assert codec.tokenizer.unk_token_id in codec.encode("ж").tolist()
    check(tiny.chat("what is ж", "Yes ж"), codec)


def test_documents_end_with_end_of_text_and_hold_no_typed_control_token() -> None:
    ids = CODEC.encode_document("one <|endoftext|> two").tolist()
    assert ids.count(0) == 1
    assert ids[-1] == 0


def test_encoders_keep_typed_separators_as_text() -> None:
    codec = codec_of(tiny.word_tokenizer())
    separator = codec.tokenizer.sep_token_id
    assert codec.encode("a [SEP] b", "c").tolist().count(separator) == 2
