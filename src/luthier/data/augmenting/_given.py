"""What augmenters read of rows: their texts, and how alike others are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from luthier.data.edits import Edit
from luthier.data.points.embedder import Embedder
from luthier.data.rows import Row


def given_texts(row: Row, *, moves: bool) -> list[str]:
    """What is only given of a row, and may be changed. Args: moves: as in `Row.varied`."""
    found: list[str] = []

    def note(text: str) -> Iterator[Edit]:
        found.append(text)
        return iter(())

    row.varied(note, moves=moves)
    return found


def likeness(pairs: Sequence[tuple[str, str]], by: Embedder) -> NDArray[np.float32]:
    """Cosine of the vectors of each text and its other form; every text is asked for once."""
    places = {text: at for at, text in enumerate(dict.fromkeys(text for text, _ in pairs))}
    vectors_ND = by.of_length_one([*places, *(other for _, other in pairs)])
    own_ND = vectors_ND[[places[text] for text, _ in pairs]]
    return np.sum(own_ND * vectors_ND[len(places) :], axis=1)
