"""Rows of a class whose words are most like those of a text.

Legend: N rows, W words.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from luthier.data.rows import Row

MOST_ROWS = 30_000
_WORD = r"(?u)\w+|[^\w\s]"


class Nearest:
    """Compares by the cosine of weighted words, within the first 30,000 rows."""

    def __init__(self, rows: Sequence[Row]) -> None:
        head = rows[:MOST_ROWS]
        texts = [row.given() for row in head]
        self._classes: list[set[str]] = [{row.stratum(), *row.brings()} for row in head]
        self._words = TfidfVectorizer(sublinear_tf=True, token_pattern=_WORD)
        has_words = any(text.strip() for text in texts)
        self._held_NW: Any = self._words.fit_transform(texts) if has_words else None

    def like(
        self, text: str, label: str, *, without: Collection[int], most: int = 3
    ) -> list[tuple[int, float]]:
        """Places and cosines of rows with the label, the most alike first.

        Args: without: places that do not count.
        """
        if self._held_NW is None or not text.strip():
            return []
        asked: Any = self._words.transform([text])
        cosine_N = np.asarray((self._held_NW @ asked.T).todense()).ravel()
        order = np.argsort(-cosine_N, kind="stable")
        places = (int(at) for at in order if cosine_N[at] > 0)
        fit = (at for at in places if label in self._classes[at] and at not in without)
        return [(at, float(cosine_N[at])) for at, _ in zip(fit, range(most), strict=False)]
