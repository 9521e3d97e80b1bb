"""What rows are about: clusters of their vectors, named by their most telling words."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from luthier.data.points.embedded import Embedded, text_of

NUMBERS = (3, 5, 8, 12, 18)
"""Of topics: that with the best silhouette is taken."""
_LEAST_ROWS = 15
"""Of a topic, on average."""
_SAMPLE = 2_000
"""Rows by which the number is chosen."""
_WORDS = 6
_EXAMPLES = 3
_WORD = re.compile(r"\b[^\W\d_]{3,}\b")
_COMMON = 0.4
"""Words in a larger share of the rows name no topic."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Rows that are alike."""

    words: list[str]
    """Most telling first."""
    count: int
    examples: list[dict[str, str]]
    """Rows nearest to the middle: "origin" and "text"."""
    label: str
    """The most frequent class; empty without classes."""
    label_share: float
    """Of the rows."""


def topics(embedded: Embedded) -> list[Topic]:
    """The rows as topics, the largest first; each row is of one.

    Source: k-means on the vectors, their number by the mean silhouette (Rousseeuw 1987); words by
    class-based TF-IDF, Grootendorst 2022, arXiv:2203.05794, equation 2.
    """
    vectors_ND = embedded.vectors_ND
    model = _clustered(vectors_ND)
    if model is None:
        return []
    own_N: NDArray[np.int64] = model.labels_
    texts = [text_of(row) for row in embedded.rows]
    telling = _telling(texts, own_N, len(model.cluster_centers_))
    near_NC = vectors_ND @ model.cluster_centers_.T
    found: list[Topic] = []
    for number, words in enumerate(telling):
        places = np.flatnonzero(own_N == number)
        nearest = places[np.argsort(-near_NC[places, number], kind="stable")][:_EXAMPLES]
        labels = Counter(embedded.rows[int(at)].stratum() for at in places)
        label, count = labels.most_common(1)[0]
        shown = [embedded.rows[int(at)] for at in nearest]
        examples = [{"origin": str(row.origin), "text": text_of(row)[:300]} for row in shown]
        share = round(count / len(places), 3) if label else 0.0
        found.append(Topic(words, len(places), examples, label, share))
    return sorted(found, key=lambda topic: -topic.count)


def _clustered(vectors_ND: NDArray[np.float32]) -> Any:
    """The k-means with the best silhouette; None where there are too few rows."""
    sample = np.random.default_rng(0).permutation(len(vectors_ND))[:_SAMPLE]
    best: tuple[float, int] | None = None
    for number in NUMBERS:
        if number * _LEAST_ROWS > len(vectors_ND):
            break
        own_S = _k_means(number).fit_predict(vectors_ND[sample])
        if len(np.unique(own_S)) < 2:
            break
        score = float(silhouette_score(vectors_ND[sample], own_S))
        best = max(best or (score, number), (score, number))
    return None if best is None else _k_means(best[1]).fit(vectors_ND)


def _k_means(number: int) -> Any:
    settings: dict[str, Any] = {"n_init": 2, "random_state": 0}
    return KMeans(number, **settings)


def _telling(texts: Sequence[str], own_N: NDArray[np.int64], number: int) -> list[list[str]]:
    """For each topic its words by frequency in it, times the logarithm of one plus words of an
    average topic over frequency anywhere."""
    held = [_WORD.findall(text.lower()) for text in texts]
    rows_of = Counter(word for words in held for word in set(words))
    usual = {word for word, rows in rows_of.items() if rows > _COMMON * len(texts)}
    inside = [Counter[str]() for _ in range(number)]
    for words, topic in zip(held, own_N, strict=True):
        inside[int(topic)].update(word for word in words if word not in usual)
    anywhere = sum(inside, Counter[str]())
    average = anywhere.total() / number
    weights = [
        {word: count * math.log1p(average / anywhere[word]) for word, count in counts.items()}
        for counts in inside
    ]
    return [sorted(known, key=lambda word: (-known[word], word))[:_WORDS] for known in weights]
