"""A classic word-counting classifier: minutes of work less, and often hard to beat."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from luthier.data.rows import Row
from luthier.evaluation.arms import arms
from luthier.evaluation.arms._fields import fields_of, filled
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome
from luthier.evaluation.spread import spread_over
from luthier.evaluation.tasks.label import outcomes


@arms.add
class Tfidf:
    """TF-IDF of words and word pairs with logistic regression, fitted to the training rows. Where
    the targets are JSON objects, one classifier for every field with few values."""

    tasks: ClassVar[frozenset[str]] = frozenset({"answer", "label", "rate"})
    standing: ClassVar[Standing] = "rival"
    words: ClassVar[str] = "a word-counting classifier trained in seconds"

    def missing(self, bench: Bench) -> str:
        train = bench.subject.train
        if not any(re.search(r"\w", row.given()) for row in train):
            return "the training rows hold no words"
        if bench.frame.is_json:
            columns = fields_of(train).columns.values()
            has_any = any(len(set(names)) > 1 for names in columns)
            return "" if has_any else "no field of the JSON answers has a few values to tell apart"
        if not bench.frame.classes:
            return "the answers are not a few labels"
        if len({row.target().strip() for row in train}) < 2:
            return "it needs training rows of two classes or more"
        return ""

    def outcomes(self, bench: Bench) -> list[Outcome]:
        return _objects(bench) if bench.frame.is_json else _labels(bench)


def _labels(bench: Bench) -> list[Outcome]:
    started = time.perf_counter()
    train, names = bench.subject.train, bench.frame.classes
    key = bench.frame.key
    known = {key(name): name for name in names}
    seen, wanted = _counted(train, bench.rows)
    model = _classifier().fit(seen, [known[key(row.target())] for row in train])
    found = np.asarray(model.predict_proba(wanted))
    seconds = (time.perf_counter() - started) / len(bench.rows)
    classes = [str(name) for name in model.classes_]
    return outcomes(bench.rows, spread_over(found, classes, names), names, seconds=seconds)


def _objects(bench: Bench) -> list[Outcome]:
    started = time.perf_counter()
    fields = fields_of(bench.subject.train)
    bench.notes["tfidf"] = dict(fields.note())
    seen, wanted = _counted(fields.rows, bench.rows)
    answers: dict[str, list[str]] = {}
    for path, names in fields.columns.items():
        if len(set(names)) == 1:
            answers[path] = [names[0]] * len(bench.rows)
        else:
            answers[path] = [str(name) for name in _classifier().fit(seen, names).predict(wanted)]
    seconds = (time.perf_counter() - started) / len(bench.rows)
    return filled(bench, answers, seconds=seconds)


def _counted(train: Sequence[Row], rows: Sequence[Row]) -> tuple[Any, Any]:
    """Weighted counts of words and word pairs of both, as sparse tables."""
    counter = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\w+")
    seen = counter.fit_transform([row.given() for row in train])
    return seen, counter.transform([row.given() for row in rows])


def _classifier() -> LogisticRegression:
    return LogisticRegression(C=10.0, max_iter=1000)
