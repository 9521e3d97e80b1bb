"""Classic full-text search: documents that share rare words with the query come first."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from luthier.data.rows import Ranked
from luthier.evaluation.arms import arms
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome
from luthier.evaluation.tasks.order import ordered

K1, B = 1.2, 0.75
_WORD = re.compile(r"\w+")


@arms.add
class Bm25:
    """Okapi BM25; how rare a word is, is counted in the documents of training and test rows.

    Source: Robertson and Zaragoza 2009, doi:10.1561/1500000019, equation 3.15, with the inverse
    document frequency of Lucene, which is never negative.
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"order"})
    standing: ClassVar[Standing] = "rival"
    words: ClassVar[str] = "a full-text search (BM25)"

    def missing(self, bench: Bench) -> str:
        del bench
        return ""

    def outcomes(self, bench: Bench) -> list[Outcome]:
        rows = [row for row in bench.rows if isinstance(row, Ranked)]
        known = [row for row in bench.subject.train if isinstance(row, Ranked)]
        texts = {item.text for row in (*known, *rows) for item in row.documents}
        documents = {text: Counter(_words(text)) for text in sorted(texts)}
        seen = Counter(word for counts in documents.values() for word in counts)
        mean = sum(counts.total() for counts in documents.values()) / max(1, len(documents))
        rarity = {
            word: math.log(1 + (len(documents) - times + 0.5) / (times + 0.5))
            for word, times in seen.items()
        }
        scores = [
            _score(_words(row.query), documents[item.text], rarity, mean)
            for row in rows
            for item in row.documents
        ]
        return ordered(rows, np.array(scores), seconds=0.0)


def _score(
    query: Sequence[str], document: Counter[str], rarity: dict[str, float], mean: float
) -> float:
    length = 1 - B + B * document.total() / max(mean, 1e-9)
    parts = [
        rarity[word] * document[word] * (K1 + 1) / (document[word] + K1 * length)
        for word in query
        if word in document
    ]
    return sum(parts)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
