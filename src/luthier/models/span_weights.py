"""Weights of pieces of an answer: from characters of the row to tokens of its rendering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from luthier.core.errors import MaskError
from luthier.data.rows import Message
from luthier.models.literal import Encoded, Literal
from luthier.models.template import Span


@dataclass(frozen=True, slots=True)
class Answer:
    """An assistant turn: its content at `span` of the text, its tokens [first, end)."""

    message: Message
    span: Span
    first: int
    end: int


def weigh_spans(
    weights: NDArray[np.float32], answer: Answer, encoded: Encoded, text: str, literal: Literal
) -> None:
    """Give tokens of the answer the weights of the spans they belong to, in place.

    Args: text: what was encoded.
    Raises: MaskError: the template does not put the content in unchanged, or tokens of the answer
        cannot be placed in it.
    """
    message, span = answer.message, answer.span
    if not span.exact:
        raise MaskError(
            "the chat template does not put an answer with spans in unchanged, so their characters "
            "cannot be found. Leave the spans out of the row"
        )
    places = _places(answer, encoded, text, literal)
    shown = text[span.start : span.end]
    stripped = 0 if shown == message.content else message.content.find(shown)
    found = weights_of(message, [place - span.start + stripped for place in places])
    weights[answer.first : answer.first + len(places)] = found


def weights_of(message: Message, places: Sequence[int]) -> list[float]:
    """The weight of tokens that stand at these characters of the content: of the span that holds
    the token's first character that is no white space, else of the message."""
    return [
        next((s.weight for s in message.spans if s.start <= place < s.end), message.weight)
        for place in places
    ]


def _places(answer: Answer, encoded: Encoded, text: str, literal: Literal) -> list[int]:
    """First characters of the tokens of the answer, its end-of-turn left out."""
    if not literal.is_piecewise:
        read = literal.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        return [
            start + len(text[start:end]) - len(text[start:end].lstrip())
            for start, end in read["offset_mapping"][answer.first : answer.end - 1]
        ]
    begin = next(char for char, tokens in encoded.ends.items() if tokens == answer.first)
    close = next(char for char, token in encoded.specials if token == answer.end - 1)
    found = [begin + place for place in literal.places(text[begin:close])]
    if len(found) != answer.end - 1 - answer.first:
        raise MaskError(
            "control tokens stand within an answer with spans, so its tokens cannot be placed. "
            "Leave the spans out of the row"
        )
    return found
