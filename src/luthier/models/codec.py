"""Text and conversations to tokens and back, for one model; masks are derived by rendering."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from luthier.core.errors import DataError, MaskError, ModelError
from luthier.core.files import read_json
from luthier.data.rows import Chat, Message, Origin
from luthier.models import plain, weights
from luthier.models.bundle import Rendered
from luthier.models.literal import Encoded, Literal
from luthier.models.reading import reading
from luthier.models.segments import answers_in, segments_of
from luthier.models.span_weights import Answer, weigh_spans
from luthier.models.template import Span, Template, assistant_start

_END_OF_TEXT = ("<|endoftext|>", "<|end_of_text|>", "<|endoftext_R|>", "<eos>", "</s>")
NO_TEMPLATE = (
    "this model has no chat template, so it cannot be given conversations. Use its instruct "
    "version, or train on plain text: objective lm, or objective.template=plain where the "
    "objective has it (sft, distill, dpo, simpo, orpo, kto, reward)"
)


@dataclass(slots=True)
class TemplateCodec:
    """The codec of a transformers tokenizer (see models.bundle.Codec)."""

    tokenizer: PreTrainedTokenizerBase
    has_template: bool
    end_of_turn_ids: frozenset[int]
    end_of_text_id: int
    """Closes a document: the tokenizer's end-of-text token where it has one besides end-of-turn."""
    literal: Literal
    is_plain: bool = False
    """Conversations are rendered as bare text (`models.plain`), not through a template."""

    def picture(self, path: str, *, where: str) -> NDArray[np.uint8]:
        """Raises: ModelError: it reads no pictures."""
        del path
        raise ModelError(
            f"{where}: the row is a picture, and the model reads text. Use an image classifier: a "
            "model folder with preprocessor_config.json"
        )

    def finish(self) -> NDArray[np.float32]:
        """Raises: ModelError: it reads no pictures."""
        raise ModelError("the model reads text, and no pictures")

    @property
    def max_length(self) -> int:
        """Most tokens that the tokenizer says it was made for."""
        return int(self.tokenizer.model_max_length)

    def save(self, folder: Path) -> None:
        """Write tokenizer and chat template."""
        self.tokenizer.save_pretrained(folder)

    def add_tokens(self, tokens: Sequence[str]) -> None:
        """Add tokens that the tokenizer lacks, as ordinary text that is never cut."""
        self.literal.add(tokens)

    @property
    def template(self) -> Template:
        return Template(self.tokenizer)

    def encode(self, text: str, text_pair: str = "") -> NDArray[np.int32]:
        """Ids of text (or a pair) with the model's own special tokens; those typed stay text."""
        ids = self.literal.reader.encode(text, text_pair or None, split_special_tokens=True)
        return np.asarray(ids, np.int32)

    def encode_document(self, text: str) -> NDArray[np.int32]:
        """Ids of running text closed by end-of-text; special tokens in it stay text."""
        return np.asarray([*self.literal.plain(text), self.end_of_text_id], np.int32)

    def render(self, row: Chat) -> Rendered:
        """The conversation as tokens with its mask: what the assistant wrote, with end-of-turn.

        An assistant turn begins where its prompt, rendered as for generation, ends; it ends with
        the first end-of-turn token after its content, whose place is found by rendering again
        with other content. Turns of weight 0 are rendered and not trained.
        Raises: MaskError: naming the row, when this cannot be proved for the template.
        """
        try:
            return plain.render(self, row) if self.is_plain else self._render(row)
        except MaskError as error:
            raise MaskError(f"{row.origin}: {error.message}", error.pieces) from None
        except DataError as error:
            raise DataError(f"{row.origin}: {error}") from None

    def _render(self, row: Chat) -> Rendered:
        if not self.has_template:
            raise ModelError(NO_TEMPLATE)
        text = self.template.text(row.messages, row.tools)
        spans = self.template.spans(row.messages, row.tools, text)
        try:
            return self._tokens(row, text, spans)
        except MaskError as error:
            raise MaskError(error.message, answers_in(text, row.messages, spans)) from None

    def _tokens(self, row: Chat, text: str, spans: Sequence[Span]) -> Rendered:
        starts = {
            index: assistant_start(self.template, row.messages, row.tools, text, index)
            for index, message in enumerate(row.messages)
            if message.role == "assistant" and message.is_learned
        }
        written = self._written(row, spans)
        encoded = self.literal.encode(text, written, list(starts.values()))
        turns = [
            (index, encoded.ends[start], self._turn_end(encoded, spans, index))
            for index, start in starts.items()
        ]
        return self._masked(row, text, encoded, spans, turns)

    def _written(self, row: Chat, spans: Sequence[Span]) -> list[tuple[int, int]]:
        """Spans of the text in which a control token was typed, and is to be read as text."""
        _refuse_typed_in_tools(self.literal, row)
        found: list[tuple[int, int]] = []
        for index, (message, span) in enumerate(zip(row.messages, spans, strict=True)):
            typed = self.literal.finds(message.content)
            if not typed:
                continue
            if not span.exact:
                raise MaskError(
                    f"messages[{index}]: holds the control token {typed!r} as text, and the chat "
                    "template does not put this message in unchanged. Remove it from the row"
                )
            found.append((span.start, span.end))
        return found

    def _turn_end(self, encoded: Encoded, spans: Sequence[Span], index: int) -> int:
        """Number of tokens up to and with the end-of-turn token of message `index`."""
        after = [span.start for span in spans[index + 1 :] if span.start >= spans[index].end]
        limit = min(after, default=None)
        for position, token in encoded.specials:
            if position < spans[index].end or encoded.ids[token] not in self.end_of_turn_ids:
                continue
            if limit is not None and position >= limit:
                break
            return token + 1
        raise MaskError(
            f"messages[{index}]: the chat template does not close this answer with an end-of-turn "
            f"token ({self._names(self.end_of_turn_ids)}), so the model would never learn to stop. "
            "Use a template that does"
        )

    def _masked(
        self,
        row: Chat,
        text: str,
        encoded: Encoded,
        spans: Sequence[Span],
        turns: Sequence[tuple[int, int, int]],
    ) -> Rendered:
        ids = np.asarray(encoded.ids, np.int32)
        loss_weights = np.zeros(len(ids), np.float32)
        for index, start, end in turns:
            message = row.messages[index]
            loss_weights[start:end] = message.weight
            if message.spans:
                answer = Answer(message, spans[index], start, end)
                weigh_spans(loss_weights, answer, encoded, text, self.literal)
        parts = segments_of(row.messages, encoded, spans, turns, self.end_of_turn_ids)
        return Rendered(ids, loss_weights, parts)

    def render_plain(self, row: Chat) -> Rendered:
        """Bare text for a model without a template: "prompt\\ncompletion" and end-of-text."""
        return self.plain().render(row)

    def plain(self) -> TemplateCodec:
        """The same codec with conversations as bare text, for `render` and `prompt` alike."""
        stops = self.end_of_turn_ids | {self.end_of_text_id}
        return replace(self, is_plain=True, end_of_turn_ids=stops)

    def prompt(self, messages: Sequence[Message], row: Chat | None = None) -> NDArray[np.int32]:
        """What generation is given; `row` brings the tools its template may show.

        Raises: ModelError: no template. DataError: the template refuses these messages.
        """
        if self.is_plain:
            return plain.prompt(self, messages)
        if not self.has_template:
            raise ModelError(NO_TEMPLATE)
        tools = row.tools if row is not None else ()
        origin = row.origin if row is not None else Origin("prompt", 1)
        shown = Chat(origin=origin, messages=tuple(messages), tools=tools)
        text = self.template.text(messages, tools, open_turn=True)
        written: list[tuple[int, int]] = []
        if any(self.literal.finds(message.content) for message in messages):
            spans = self.template.spans(messages, tools, text, open_turn=True)
            written = self._written(shown, spans)
        # a history is cut into tokens where training cuts it
        cuts = [
            assistant_start(self.template, messages, tools, text, index)
            for index, message in enumerate(messages)
            if message.role == "assistant" and message.is_learned
        ]
        return np.asarray(self.literal.encode(text, written, cuts).ids, np.int32)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of generated ids, without control tokens."""
        found = self.literal.reader.decode(list(map(int, ids)), skip_special_tokens=True)
        return str(found)

    def _names(self, ids: frozenset[int]) -> str:
        return ", ".join(repr(self.tokenizer.decode([i])) for i in sorted(ids))


def open_codec(folder: Path) -> TemplateCodec:
    """The codec of a model folder; weights are not touched.

    Raises: ModelError: no tokenizer there, or one that cannot be read.
    """
    if not weights.has_tokenizer(folder):
        raise ModelError(f"{folder}: no tokenizer (expected tokenizer.json or vocab.txt)")
    with reading(folder, "its tokenizer cannot be read"):
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    return codec_of(tokenizer, stops=_generation_stops(folder, tokenizer))


def codec_of(tokenizer: PreTrainedTokenizerBase, *, stops: Sequence[int] = ()) -> TemplateCodec:
    """The codec of an open tokenizer. `stops`: further ids that end generation."""
    # rows that are too long are told by `data.overflow`, and never reach a model
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True
    literal = Literal(tokenizer)
    has_template = bool(tokenizer.chat_template)
    eos: Any = tokenizer.eos_token_id
    ends = set(stops) | ({int(eos)} if eos is not None else set())
    if has_template:
        ends |= _turn_end_of(tokenizer, literal)
    closing = [literal.special_ids[name] for name in _END_OF_TEXT if name in literal.special_ids]
    end_of_text: Any = (
        closing[0] if closing else (eos if eos is not None else tokenizer.sep_token_id)
    )
    if end_of_text is None:
        raise ModelError("the tokenizer has no end-of-text token; expected an eos_token")
    return TemplateCodec(tokenizer, has_template, frozenset(ends), int(end_of_text), literal)


def _turn_end_of(tokenizer: PreTrainedTokenizerBase, literal: Literal) -> set[int]:
    """The control token that the template writes right after an assistant's content."""
    trial = (Message("user", "a"), Message("assistant", "b"))
    template = Template(tokenizer)
    try:
        text = template.text(trial)
    except DataError:
        return set()  # a template with further demands; the tokenizer's own end token stands
    name = literal.finds(text[template.spans(trial, (), text)[1].end :])
    return {literal.special_ids[name]} if name else set()


def _generation_stops(folder: Path, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    path = folder / "generation_config.json"
    given = read_json(path).get("eos_token_id") if path.is_file() else None
    found: list[Any] = given if isinstance(given, list) else [] if given is None else [given]
    size = max([len(tokenizer) - 1, *tokenizer.added_tokens_decoder]) + 1
    for index in found:
        if type(index) is not int or not 0 <= index < size:
            raise ModelError(
                f"{path}: eos_token_id: got {json.dumps(given)}, expected the ids of tokens that "
                f"end an answer, each from 0 to {size - 1}. Correct it, or remove the file"
            )
    return found


def _refuse_typed_in_tools(literal: Literal, row: Chat) -> None:
    """Templates print tools and calls as JSON; control tokens in them could not stay text."""
    shown = [json.dumps(list(row.tools), ensure_ascii=False, default=str)]
    for message in row.messages:
        shown += [json.dumps(message.tool_calls, ensure_ascii=False, default=str)]
        shown += [message.tool_call_id, message.name]
    for text in shown:
        typed = literal.finds(text)
        if typed:
            raise MaskError(f"a tool or tool call holds the control token {typed!r}; remove it")
