"""Conversations as bare text, for models without a chat template: "prompt\\ncompletion"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from luthier.core.errors import MaskError
from luthier.data.rows import Chat, Message
from luthier.models.bundle import Rendered, Segment
from luthier.models.literal import Literal
from luthier.models.span_weights import weights_of


class Plain(Protocol):
    """What the two functions need of a codec."""

    literal: Literal
    end_of_text_id: int


def render(codec: Plain, row: Chat) -> Rendered:
    """Every message on its own lines; assistant turns end with end-of-text and are trained."""
    ids: list[int] = []
    loss_weights: list[float] = []
    segments: list[Segment] = []
    for index, message in enumerate(row.messages):
        piece = _piece(codec, message)
        trained = message.role == "assistant" and message.is_learned
        segments.append(Segment(len(ids), len(ids) + len(piece), index, message.role, trained))
        weights = [message.weight if trained else 0.0] * len(piece)
        if trained and message.spans:
            weights[:-1] = weights_of(message, codec.literal.places(message.content))
        loss_weights += weights
        ids += piece
    if loss_weights and loss_weights[0]:
        pieces = [
            {"text": f"{m.content}\n", "trained": m.role == "assistant"} for m in row.messages
        ]
        raise MaskError(
            "messages[0]: an answer without anything before it; add a user message", pieces
        )
    return Rendered(
        np.asarray(ids, np.int32), np.asarray(loss_weights, np.float32), tuple(segments)
    )


def prompt(codec: Plain, messages: Sequence[Message]) -> NDArray[np.int32]:
    """The ids that stand before the answer in `render`."""
    pieces = [token for message in messages for token in _piece(codec, message)]
    return np.asarray(pieces, np.int32)


def _piece(codec: Plain, message: Message) -> list[int]:
    if message.role == "assistant":
        return [*codec.literal.plain(message.content), codec.end_of_text_id]
    return codec.literal.plain(message.content + "\n")
