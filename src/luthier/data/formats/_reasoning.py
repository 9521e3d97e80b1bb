"""Reasoning blocks in answers, `<think> ... </think>`: kept, or taken out with what they leave."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from luthier.data.rows import Message, SpanWeight
from luthier.recipe.data_section import Reasoning

_BLOCK = re.compile(r"<think>.*?</think>\s*", re.DOTALL)


def block(text: str) -> str:
    """Reasoning as it stands before the rest of an answer; empty for no reasoning."""
    return f"<think>\n{text}\n</think>\n\n" if text else ""


def kept_reasoning(
    messages: Sequence[Message], which: Reasoning, *, answered: bool
) -> tuple[list[Message], bool]:
    """The messages with the reasoning that is asked for, and whether some was taken out.

    Args: answered: the last assistant turn is the answer, not history.
    """
    found = list(messages)
    answers = [at for at, message in enumerate(messages) if message.role == "assistant"]
    spared = answers[-1:] if which == "last" and answered else []
    if which != "keep":
        for at in answers:
            found[at] = messages[at] if at in spared else _without(messages[at])
    return found, found != list(messages)


def shifted(spans: Sequence[SpanWeight], by: int) -> tuple[SpanWeight, ...]:
    """The spans of a text that moved by so many characters."""
    return tuple(SpanWeight(span.start + by, span.end + by, span.weight) for span in spans)


def _without(message: Message) -> Message:
    """The turn without its blocks; spans follow their characters, those of a block are gone."""
    gone = [match.span() for match in _BLOCK.finditer(message.content)]
    moved = [
        SpanWeight(_left(span.start, gone), _left(span.end, gone), span.weight)
        for span in message.spans
    ]
    spans = tuple(span for span in moved if span.start < span.end)
    return replace(message, content=_BLOCK.sub("", message.content), spans=spans)


def _left(place: int, gone: Sequence[tuple[int, int]]) -> int:
    """Where a character of the whole text is once the pieces are gone."""
    return place - sum(min(end, place) - start for start, end in gone if start < place)
