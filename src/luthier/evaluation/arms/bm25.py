"""Classic full-text search: documents that share rare words with the query come first."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from luthier.data.rows import Ranked
from luthier.evaluation.arms import arms
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome

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
        documents = {row.document: Counter(_words(row.document)) for row in (*known, *rows)}
        seen = Counter(word for counts in documents.values() for word in counts)
        mean = sum(counts.total() for counts in documents.values()) / max(1, len(documents))
        rarity = {
            word: math.log(1 + (len(documents) - times + 0.5) / (times + 0.5))
            for word, times in seen.items()
        }
        return [
            Outcome(
                index,
                row.target(),
                f"{_score(_words(row.query), documents[row.document], rarity, mean):.9g}",
            )
            for index, row in enumerate(rows)
        ]


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
