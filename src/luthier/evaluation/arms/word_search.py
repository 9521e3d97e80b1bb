"""A classic word-counting search: nothing to train, and often hard to beat."""

from __future__ import annotations

import re
import time
from typing import Any, ClassVar

from sklearn.feature_extraction.text import TfidfVectorizer

from luthier.data.rows import Triplet
from luthier.evaluation.arms import arms
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome
from luthier.evaluation.tasks.search import anchors_of, ranked, texts_of


@arms.add
class WordSearch:
    """Cosine of TF-IDF of words; how rare a word is, is counted in the texts to be found and in the
    training rows."""

    tasks: ClassVar[frozenset[str]] = frozenset({"search"})
    standing: ClassVar[Standing] = "rival"
    words: ClassVar[str] = "a search that counts common words"

    def missing(self, bench: Bench) -> str:
        has_words = any(re.search(r"\w", row.target()) for row in bench.rows)
        return "" if has_words else "the test rows hold no words"

    def outcomes(self, bench: Bench) -> list[Outcome]:
        started = time.perf_counter()
        rows = [row for row in bench.rows if isinstance(row, Triplet)]
        seen = [row.target() for row in bench.subject.train]
        counter = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\w+")
        counter.fit([*seen, *texts_of(rows)])
        anchors: Any = counter.transform(anchors_of(rows))
        texts: Any = counter.transform(texts_of(rows))
        scores_QM = (anchors @ texts.T).toarray()
        seconds = (time.perf_counter() - started) / len(rows)
        return ranked(rows, scores_QM, seconds=seconds)
