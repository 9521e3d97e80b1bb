"""Which text of a pair every token is of, so that a long one does not drive the other out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from luthier.data.features import PART
from luthier.models.bundle import Codec
from luthier.models.located import Located, locate


def parts_of(located: Located) -> dict[str, NDArray[np.int8]]:
    """`Features.per_token` of a pair; nothing for a single text."""
    return {PART: located.part} if (located.part == 1).any() else {}


def encoded(
    codec: Codec, text: str, text_pair: str
) -> tuple[NDArray[np.int32], Mapping[str, NDArray[np.int8]]]:
    """The tokens of `codec.encode`, and their parts where these can be told."""
    ids = codec.encode(text, text_pair)
    if not text_pair or not codec.tokenizer.is_fast:
        return ids, {}
    located = locate(codec, text, text_pair)
    # the tokens of decoders run into one another, and `locate` parts them
    return ids, parts_of(located) if np.array_equal(located.input_ids, ids) else {}
