"""Which message each token of a rendered conversation belongs to, for showing and for proofs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from luthier.data.rows import Message
from luthier.models.bundle import Segment
from luthier.models.literal import Encoded
from luthier.models.template import Span


def segments_of(
    messages: Sequence[Message],
    encoded: Encoded,
    spans: Sequence[Span],
    trained: Sequence[tuple[int, int, int]],
    stops: frozenset[int],
) -> tuple[Segment, ...]:
    """Runs of tokens in order, one or more per message.

    A message begins with the last control token before its content. Args: trained: (message,
    first token, end) of each trained answer; stops: tokens that end a turn.
    """
    begins = _begins(encoded, spans, stops)
    edges = {0, len(encoded.ids), *begins}
    for _, start, end in trained:
        edges |= {start, end}
    ordered = sorted(edges)
    return tuple(
        _segment(messages, begins, trained, start, end) for start, end in pairwise(ordered)
    )


def answers_in(
    text: str, messages: Sequence[Message], spans: Sequence[Span]
) -> list[dict[str, object]]:
    """A rendered text in pieces, the words of each answer with a weight told apart as trained."""
    pieces: list[dict[str, object]] = []
    last = 0
    for message, span in zip(messages, spans, strict=True):
        if message.role == "assistant" and message.is_learned and span.start >= last:
            pieces.append({"text": text[last : span.start], "trained": False})
            pieces.append({"text": text[span.start : span.end], "trained": True})
            last = span.end
    pieces.append({"text": text[last:], "trained": False})
    return [piece for piece in pieces if piece["text"]]


def _segment(
    messages: Sequence[Message],
    begins: Sequence[int],
    trained: Sequence[tuple[int, int, int]],
    start: int,
    end: int,
) -> Segment:
    for turn, first, last in trained:
        if first <= start and end <= last:
            return Segment(start, end, turn, "assistant", trained=True)
    turn = sum(begin <= start for begin in begins) - 1
    return Segment(start, end, turn, messages[turn].role if turn >= 0 else "", trained=False)


def _begins(encoded: Encoded, spans: Sequence[Span], stops: frozenset[int]) -> list[int]:
    """The token with which each message begins; never before that of the message before."""
    found: list[int] = []
    behind = 0
    for span in spans:
        begin = found[-1] if found else 0
        for position, token in encoded.specials:
            if behind <= position < span.start:
                begin = max(begin, token + (encoded.ids[token] in stops))
        found.append(begin)
        behind = max(behind, span.end)
    return found
