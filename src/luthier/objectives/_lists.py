"""Documents of a query as lists: joined, cut, and left out where there is nothing to compare.

Rows hold one document or several; a list is learned from as one row of several sequences.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from luthier.data.features import Features

SCORES, QUERY = "scores", "query"
"""Arrays of a row: how relevant each document is, and a number that equal queries share."""


def query_number(query: str) -> NDArray[np.int64]:
    """The same for the same query."""
    digest = hashlib.sha256(query.encode("utf-8", "surrogatepass")).digest()
    return np.frombuffer(digest[:8], np.int64).copy()


def uncompared(features: Sequence[Features]) -> list[int]:
    """Places of rows whose query has documents of one relevance only."""
    scores: dict[int, set[float]] = {}
    for item in features:
        scores.setdefault(_query(item), set()).update(item.arrays[SCORES].tolist())
    return [place for place, item in enumerate(features) if len(scores[_query(item)]) < 2]


def apart(features: Sequence[Features]) -> list[Features]:
    """Every document as a row of its own."""
    return [part for item in features for part in _documents(item)]


def lists(features: Sequence[Features], *, size: int) -> list[Features]:
    """One row per query, in the order in which queries first appear; long lists are cut.

    Args: size: documents of a list, at most. A longer list is dealt out into several, the most
        relevant documents first; one that got only equally relevant ones gets the best document
        as well, or, where these are the best, the worst.
    """
    queries: dict[int, list[Features]] = {}
    for item in features:
        queries.setdefault(_query(item), []).extend(_documents(item))
    return [
        _joined(part) for documents in queries.values() for part in _dealt(documents, size=size)
    ]


def _dealt(documents: Sequence[Features], *, size: int) -> list[list[Features]]:
    if len(documents) <= size:
        return [list(documents)]
    ranked = sorted(documents, key=_score, reverse=True)
    # one place is kept free for a document that gives the others something to compare with
    number = math.ceil(len(ranked) / max(1, size - 1))
    dealt = [ranked[first::number] for first in range(number)]
    best, worst = ranked[0], ranked[-1]
    for part in dealt:
        if _score(part[0]) == _score(part[-1]):
            part.append(worst if _score(part[0]) == _score(best) else best)
    return dealt


def _documents(item: Features) -> list[Features]:
    if not item.sequences:
        return [item]
    scores = np.split(item.arrays[SCORES], len(item.sequences))
    parts = zip(item.parts(), scores, strict=True)
    return [
        replace(part, arrays={**item.arrays, SCORES: score}, cut_tokens=0) for part, score in parts
    ]


def _joined(documents: Sequence[Features]) -> Features:
    first = documents[0]
    return replace(
        first,
        input_ids=np.concatenate([item.input_ids for item in documents]),
        sequences=tuple(item.num_tokens for item in documents) if len(documents) > 1 else (),
        arrays={**first.arrays, SCORES: np.concatenate([x.arrays[SCORES] for x in documents])},
        per_token={},
    )


def _query(item: Features) -> int:
    return int(item.arrays[QUERY][0])


def _score(item: Features) -> float:
    return float(item.arrays[SCORES][0])
