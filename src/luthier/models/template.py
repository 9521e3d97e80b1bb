"""A conversation as text through the model's own chat template, and where each turn stands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinja2.exceptions import TemplateError
from transformers import PreTrainedTokenizerBase

from luthier.core.errors import DataError, MaskError
from luthier.data.rows import Message
from luthier.models import today

PROBE = "\ue0a1\ue0f7probe\ue0f7\ue0a1"
"""Stands for a message's content in a second rendering; private-use characters, never in data."""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters [start, end) of a rendering that differ when one message's content differs; none,
    where the turn stands, if the template leaves the content out."""

    start: int
    end: int
    exact: bool
    """The template put the content there as it is, and nothing else depends on it."""


@dataclass(frozen=True, slots=True)
class Template:
    """The chat template of one tokenizer, run in transformers' sandboxed environment only."""

    tokenizer: PreTrainedTokenizerBase

    def text(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]] = (),
        *,
        open_turn: bool = False,
    ) -> str:
        """The messages as text; `open_turn` ends where the assistant begins to write.

        Raises: DataError: the template refuses these messages, in its own words.
        """
        shown: list[Any] | None = [dict(tool) for tool in tools] or None
        try:
            own = self.tokenizer.get_chat_template(tools=shown)
            rendered = self.tokenizer.apply_chat_template(
                [as_template_message(message) for message in messages],
                tools=shown,
                chat_template=today.pinned(own, today.told(self.tokenizer)),
                add_generation_prompt=open_turn,
                tokenize=False,
            )
        except (TemplateError, TypeError, KeyError, ValueError) as error:
            roles = ", ".join(message.role for message in messages)
            raise DataError(
                f"the model's chat template refuses this conversation ({roles}): {error}"
            ) from error
        return str(rendered)

    def spans(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]],
        text: str,
        *,
        open_turn: bool = False,
    ) -> list[Span]:
        """Where the content of each message stands in `text`, their rendering.

        Found by rendering once more with that content replaced: the two texts agree before and
        after it, so what differs is the content, wherever the same words may also occur. Of a turn
        whose content is left out (many templates write its calls instead), an answer stands where
        the assistant begins to write, and any other where the next one does.
        """
        found: list[Span | None] = []
        for index, message in enumerate(messages):
            changed = [*messages[:index], replace(message, content=PROBE), *messages[index + 1 :]]
            other = self.text(changed, tools, open_turn=open_turn)
            if other != text:
                found.append(_difference(message, text, other))
            else:
                found.append(self._opening(messages[: index + 1], tools, text))
        return _before_the_next(found, len(text))

    def _opening(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], text: str
    ) -> Span | None:
        """Where the last of these messages begins to write; None: it is no answer."""
        if messages[-1].role != "assistant":
            return None
        try:
            prompt = self.text(messages[:-1], tools, open_turn=True)
        except DataError:
            return None  # a template that wants more turns before it
        start = common_prefix(prompt, text)
        return Span(start, start, exact=False)


def _difference(message: Message, text: str, other: str) -> Span:
    """Where `text` differs from `other`, in which the content of `message` is the probe."""
    start = common_prefix(text, other)
    end = len(text) - common_prefix(text[start:][::-1], other[start:][::-1])
    inner = other[start : len(other) - (len(text) - end)]
    given = message.content
    forms = {given, given.strip(), given.rstrip(), given.lstrip()}
    return Span(start, end, exact=inner == PROBE and text[start:end] in forms)


def _before_the_next(spans: Sequence[Span | None], end: int) -> list[Span]:
    """The spans, in place of None an empty one where the next begins."""
    found: list[Span] = []
    for span in reversed(spans):
        end = end if span is None else span.start
        found.append(span or Span(end, end, exact=False))
    return found[::-1]


def common_prefix(left: str, right: str) -> int:
    """Number of leading characters that two texts share."""
    low, high = 0, min(len(left), len(right))
    while low < high:  # compare halves: slices are compared in C
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def as_template_message(message: Message) -> dict[str, Any]:
    """A message in the form that chat templates expect; absent parts are left out."""
    found: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        found["tool_calls"] = [_with_parsed_arguments(call) for call in message.tool_calls]
    if message.tool_call_id:
        found["tool_call_id"] = message.tool_call_id
    if message.name:
        found["name"] = message.name
    return found


def _with_parsed_arguments(call: Mapping[str, Any]) -> dict[str, Any]:
    """Templates print arguments as JSON themselves; OpenAI rows hold them as a string of JSON."""
    found = dict(call)
    function = found.get("function")
    if isinstance(function, Mapping) and isinstance(function.get("arguments"), str):
        try:
            parsed = json.loads(function["arguments"])
        except ValueError:
            return found
        found["function"] = {**function, "arguments": parsed}
    return found


def assistant_start(
    template: Template,
    messages: Sequence[Message],
    tools: Sequence[Mapping[str, Any]],
    text: str,
    index: int,
) -> int:
    """Where in `text` the assistant begins to write turn `index`: right after its prompt.

    Raises: MaskError: training and generation would see different text before the answer.
    """
    prompt = template.text(messages[:index], tools, open_turn=True)
    if text.startswith(prompt):
        return len(prompt)
    at = common_prefix(prompt, text)
    raise MaskError(
        f"messages[{index}]: the chat template renders the turns before this answer differently "
        f"for training ({text[at : at + 40]!r}) than for generation ({prompt[at : at + 40]!r}), so "
        "no mask can be proved. Set weight 0 on this turn, or split the conversation into one row "
        "per answer"
    )
