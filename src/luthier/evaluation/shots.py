"""Which training examples a few-shot prompt shows: few, and unlike each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from luthier.data.rows import Chat

MAX_CANDIDATES = 1000


def choose_shots(train: Sequence[Chat], *, num_shots: int) -> list[Chat]:
    """Up to `num_shots` single-exchange rows: first the one most like all others, then always the
    one least like those chosen (input and answer together); longer than usual rows are left out.

    Source: farthest-point choice, Gonzalez 1985, Theoretical Computer Science 38, 293-306.
    """
    usable = [row for row in train if row.answer() and _is_single(row)][:MAX_CANDIDATES]
    lengths = [len(row.given()) + len(row.answer()) for row in usable]
    if not usable or num_shots < 1:
        return []
    limit = float(np.quantile(lengths, 0.75))
    usable = [row for row, length in zip(usable, lengths, strict=True) if length <= limit]
    texts = [f"{row.given()}\n{row.answer()}" for row in usable]
    vectors = TfidfVectorizer(token_pattern=r"(?u)\w+|[^\w\s]").fit_transform(texts)
    similar = (vectors @ vectors.T).toarray()
    chosen = [int(similar.sum(1).argmax())]
    while len(chosen) < min(num_shots, len(usable)):
        nearest = similar[:, chosen].max(1)
        nearest[chosen] = np.inf
        chosen.append(int(nearest.argmin()))
    return [usable[index] for index in chosen]


def _is_single(row: Chat) -> bool:
    roles = [turn.role for turn in row.messages]
    return roles in (["user", "assistant"], ["system", "user", "assistant"]) and not row.tools
