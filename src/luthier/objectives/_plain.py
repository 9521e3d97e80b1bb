"""Conversations as plain text, for models without a chat template."""

from __future__ import annotations

import numpy as np

from luthier.core.errors import DataError
from luthier.data.rows import Chat
from luthier.models.bundle import Codec, Rendered, Segment

SEPARATOR = "\n\n"


def render_plain(row: Chat, codec: Codec) -> Rendered:
    """Turns one after another with a blank line after each; assistant turns end with end-of-text.

    Every turn is tokenised by itself, so the mask is exact by construction. Special tokens in the
    text stay text.
    Raises: DataError: the tokenizer has no end-of-text token.
    """
    end = codec.tokenizer.eos_token_id
    if not isinstance(end, int):
        raise DataError(f"{row.origin}: the tokenizer has no end-of-text token to train.")
    ids: list[int] = []
    weights: list[float] = []
    segments: list[Segment] = []
    for turn, message in enumerate(row.messages):
        is_answer = message.role == "assistant"
        text = message.content if is_answer else message.content + SEPARATOR
        found = codec.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        found = [*found, end] if is_answer else found
        weight = message.weight if is_answer else 0.0
        segments.append(Segment(len(ids), len(ids) + len(found), turn, message.role, weight > 0))
        ids += found
        weights += [weight] * len(found)
    return Rendered(np.array(ids, np.int32), np.array(weights, np.float32), tuple(segments))
