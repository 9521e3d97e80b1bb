"""Tokens one by one as text, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luthier.data.features import Features
from luthier.models.bundle import Codec
from luthier.models.literal import control_tokens

MOST_SHOWN = 400
_TORN = "�"
"""What a decoder writes for part of a character."""


def each_token(features: Features, codec: Codec, *, most: int = MOST_SHOWN) -> list[dict[str, Any]]:
    """The tokens of a row in order: text, trained, weight, special (only the template writes it).
    Tokens that hold parts of one character come together.

    Of more than `most` those in the middle are left out: a piece without text has their number as
    "rest".
    """
    left_out = max(0, features.num_tokens - most)
    middle = most // 2 if left_out else features.num_tokens
    found = _pieces(features, codec, 0, middle)
    if left_out:
        gap = {"text": "", "trained": False, "weight": 0.0, "special": False, "rest": left_out}
        found += [gap, *_pieces(features, codec, middle + left_out, features.num_tokens)]
    return found


def _pieces(features: Features, codec: Codec, first: int, last: int) -> list[dict[str, Any]]:
    ids = features.input_ids[first:last].tolist()
    weights = features.loss_weights[first:last].tolist() or [0.0] * len(ids)
    specials = {*control_tokens(codec.tokenizer).values(), *codec.tokenizer.all_special_ids}
    found: list[dict[str, Any]] = []
    for (start, end), text in zip(*_texts(codec, ids), strict=True):
        weight = float(max(weights[start:end]))
        is_special = any(token in specials for token in ids[start:end])
        found.append({"text": text, "trained": weight > 0, "weight": weight, "special": is_special})
    return found


def _texts(codec: Codec, ids: Sequence[int]) -> tuple[list[tuple[int, int]], list[str]]:
    """Runs of tokens that are text by themselves, and what each adds to the text before it."""
    runs: list[tuple[int, int]] = []
    texts: list[str] = []
    before, start = "", 0
    for end in range(1, len(ids) + 1):
        text = str(codec.tokenizer.decode(ids[:end], clean_up_tokenization_spaces=False))
        if text.endswith(_TORN) and end < len(ids):
            continue
        runs.append((start, end))
        texts.append(text[len(before) :])
        before, start = text, end
    return runs, texts
