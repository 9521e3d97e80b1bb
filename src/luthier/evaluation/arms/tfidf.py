"""A classic word-counting classifier: minutes of work less, and often hard to beat."""

from __future__ import annotations

import time
from typing import ClassVar

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from luthier.evaluation.arms import arms
from luthier.evaluation.arms._spread import spread_over
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.frame import input_of, target_of
from luthier.evaluation.outcome import Outcome, Task
from luthier.evaluation.tasks.label import outcomes
from luthier.evaluation.text import normalised


@arms.add
class Tfidf:
    """TF-IDF of words and word pairs with logistic regression, fitted to the training rows."""

    tasks: ClassVar[frozenset[Task]] = frozenset({"answer", "label"})
    standing: ClassVar[Standing] = "rival"
    words: ClassVar[str] = "a word-counting classifier trained in seconds"

    def missing(self, bench: Bench) -> str:
        if not bench.frame.classes:
            return "the answers are not a few labels"
        if len({target_of(row).strip() for row in bench.subject.train}) < 2:
            return "it needs training rows of two classes or more"
        return ""

    def outcomes(self, bench: Bench) -> list[Outcome]:
        started = time.perf_counter()
        train, names = bench.subject.train, bench.frame.classes
        known = {normalised(name): name for name in names}
        model = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\w+"),
            LogisticRegression(C=10.0, max_iter=1000),
        )
        targets = [known[normalised(target_of(row))] for row in train]
        model.fit([input_of(row) or "-" for row in train], targets)
        found = np.asarray(model.predict_proba([input_of(row) for row in bench.rows]))
        seconds = (time.perf_counter() - started) / len(bench.rows)
        seen = [str(name) for name in model.classes_]
        return outcomes(bench.rows, spread_over(found, seen, names), names, seconds=seconds)
