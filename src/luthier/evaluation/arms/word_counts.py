"""Classic word counting for several labels and for numbers: seconds of work, often hard to beat."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeCV

from luthier.data.rows import Row, Scored
from luthier.evaluation.arms import arms
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome
from luthier.evaluation.tasks import labels, number

_STRENGTHS = (0.1, 1.0, 10.0, 100.0)


@arms.add
class WordCounts:
    """TF-IDF of words and word pairs with a logistic regression for every label, or with ridge
    regression for numbers; of two texts, how alike their words and letters are."""

    tasks: ClassVar[frozenset[str]] = frozenset({"labels", "number"})
    standing: ClassVar[Standing] = "rival"
    words: ClassVar[str] = "a word-counting model trained in seconds"

    def missing(self, bench: Bench) -> str:
        has_words = any(re.search(r"\w", row.given()) for row in bench.subject.train)
        return "" if has_words else "the training rows hold no words"

    def outcomes(self, bench: Bench) -> list[Outcome]:
        train, rows = bench.subject.train, bench.rows
        if bench.frame.task == "labels":
            known, asked = _counted(train, rows)
            names = bench.frame.classes
            found, threshold = labels.judged(known, labels.targets_of(train, names), asked)
            bench.notes["word_counts"] = {"threshold": threshold}
            return labels.outcomes(rows, found, names, threshold=threshold, seconds=0.0)
        scored = [row for row in (*train, *rows) if isinstance(row, Scored)]
        has_pairs = any(row.text_pair for row in scored)
        known, asked = _alike(scored, len(train)) if has_pairs else _counted(train, rows)
        targets = [row.score for row in scored[: len(train)]]
        head = RidgeCV(_STRENGTHS).fit(known, targets)
        return number.outcomes(rows, np.asarray(head.predict(asked), np.float64), seconds=0.0)


def _counted(train: Sequence[Row], rows: Sequence[Row]) -> tuple[Any, Any]:
    counter = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    known = counter.fit_transform([row.given() for row in train])
    return known, counter.transform([row.given() for row in rows])


def _alike(rows: Sequence[Scored], num_train: int) -> tuple[Any, Any]:
    """Cosines of counted words, of counted letters, and both squared (N, 4)."""
    columns: list[NDArray[np.float64]] = []
    for analyzer, pieces in (("word", (1, 1)), ("char_wb", (2, 4))):
        counter = TfidfVectorizer(analyzer=analyzer, ngram_range=pieces, sublinear_tf=True)
        counter.fit([row.given() for row in rows[:num_train]])
        first: Any = counter.transform([row.text for row in rows])
        second: Any = counter.transform([row.text_pair for row in rows])
        columns.append(np.asarray(first.multiply(second).sum(1)).ravel())
    found = np.stack([*columns, *(column**2 for column in columns)], axis=-1)
    return found[:num_train], found[num_train:]
