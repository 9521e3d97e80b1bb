"""Rows as points: near each other where their texts are alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from luthier.data.drawn import drawn, drawn_only
from luthier.data.matching.keyed import Keyed
from luthier.data.on_disk import Chosen
from luthier.data.points.embedder import Embedder
from luthier.data.rows import Row

MOST_ROWS = 10_000
LEAST_ROWS = 30
MOST_CHARACTERS = 1_000
"""Of a text, from its beginning: what is read of it."""
_DIMENSIONS = 100
_WORD = r"(?u)\w+|[^\w\s]"


@dataclass(frozen=True, slots=True)
class Embedded:
    """Rows with a vector each. Legend: N rows, D numbers."""

    rows: Sequence[Row]
    vectors_ND: NDArray[np.float32]
    """Of length 1, or 0 where nothing is known of a text."""
    by: Embedder
    num_rows: int
    """Of which these were drawn."""

    @property
    def where(self) -> str:
        """What is said of what was found here; empty where these are all rows."""
        return drawn_only(len(self.rows), self.num_rows)


def embedded(table: Keyed, by: Embedder, *, most: int = MOST_ROWS) -> Embedded | None:
    """The rows, or so many of them, as points; None where there are too few, or they hold nothing
    that comes again.

    What is embedded is what the model is given and, without classes, the target.
    """
    rows = Chosen(table.rows, drawn(table.content_N, most=most))
    texts = [text_of(row)[:MOST_CHARACTERS] for row in rows]
    words = Counter(word for text in texts for word in set(text.lower().split()))
    if len(rows) < LEAST_ROWS or sum(number > 1 for number in words.values()) < 3:
        return None
    vectors_ND: Any = normalize(by.vectors(texts))
    return Embedded(rows, vectors_ND.astype(np.float32), by, len(table))


def text_of(row: Row) -> str:
    """What the model is given of a row, or learns where nothing is given."""
    return row.given() or row.target()


def by_words() -> Embedder:
    """Counted words, as vectors of a hundred numbers."""
    return Embedder("its words (TF-IDF, truncated SVD)", False, word_vectors)


def word_vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """TF-IDF of words and pairs of them, brought to few dimensions (N, D).

    Source: latent semantic analysis, Deerwester et al. 1990.
    """
    words = Counter(word for text in texts for word in set(text.lower().split()))
    least = 2 if any(number > 1 for number in words.values()) else 1
    counted: Any = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, min_df=least, token_pattern=_WORD
    ).fit_transform(texts)
    dimensions = min(_DIMENSIONS, counted.shape[1] - 1, len(texts) - 1)
    if dimensions < 1:
        return np.asarray(counted.toarray(), np.float32)
    found: Any = TruncatedSVD(dimensions, random_state=0).fit_transform(counted)
    return np.asarray(found, np.float32)
