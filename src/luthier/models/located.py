"""Text as tokens, and which characters each token stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luthier.core.errors import ModelError
from luthier.models.bundle import Codec

MARK = -1
"""`Located.part` of tokens that the model puts around texts."""


@dataclass(frozen=True, slots=True)
class Located:
    """Tokens of a text, or of a pair of texts, with their places.

    Shapes: all (T,). `starts` and `ends` count characters of the text that the token is part of
    (`part` 0 or 1), from its first visible one; they are 0 where `part` is MARK.
    """

    input_ids: NDArray[np.int32]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    part: NDArray[np.int8]


def locate(codec: Codec, text: str, text_pair: str = "") -> Located:
    """The tokens that `codec.encode` gives, with their places.

    Where a tokenizer puts nothing between the texts of a pair, as those of decoders do, a line end
    parts them: else the last word of one would run into the first of the other.
    Raises: ModelError: the tokenizer cannot tell places.
    """
    if not codec.tokenizer.is_fast:
        raise ModelError(
            "the tokenizer of this model cannot tell which characters a token stands for. Use a "
            "model with a tokenizer.json"
        )
    if text_pair and not _parts_pairs(codec):
        return _cut(_located(codec, f"{text}\n{text_pair}", ""), len(text) + 1)
    return _located(codec, text, text_pair)


def _located(codec: Codec, text: str, text_pair: str) -> Located:
    given: Any = codec.tokenizer(
        text,
        text_pair or None,
        return_offsets_mapping=True,
        split_special_tokens=True,
        verbose=False,
    )
    places = np.asarray(given["offset_mapping"], np.int32).reshape(-1, 2)
    parts = np.asarray([MARK if one is None else one for one in given.sequence_ids(0)], np.int8)
    starts = places[:, 0].copy()
    texts = (text, text_pair)
    for at in np.flatnonzero(parts != MARK):  # byte-level tokens hold the space before a word
        held, end = texts[parts[at]], places[at, 1]
        while starts[at] < end - 1 and held[starts[at]].isspace():
            starts[at] += 1
    return Located(np.asarray(given["input_ids"], np.int32), starts, places[:, 1].copy(), parts)


def _cut(whole: Located, border: int) -> Located:
    """One text as two, the second beginning at character `border`."""
    second = (whole.part == 0) & (whole.starts >= border)
    moved = np.where(second, border, 0).astype(np.int32)
    part = np.where(second, 1, whole.part).astype(np.int8)
    return Located(whole.input_ids, whole.starts - moved, whole.ends - moved, part)


def _parts_pairs(codec: Codec) -> bool:
    found = codec.tokenizer("a", "b").sequence_ids(0)
    first, second = found.index(0), found.index(1)
    return None in found[first:second]
