"""The same model before training, given the test rows as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from luthier.core.seeds import stream
from luthier.data.rows import Row
from luthier.evaluation.arms import arms
from luthier.evaluation.arms._spread import spread_over
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.frame import target_of
from luthier.evaluation.outcome import Outcome, Task
from luthier.evaluation.tasks.answer import answers, as_they_are
from luthier.evaluation.tasks.label import outcomes, pooled
from luthier.evaluation.tasks.read import readings

MAX_FITTED = 3000
"""Training rows the frozen features are fitted to, at most."""


@arms.add
class Base:
    """A language model answers as it is. A classifier has no trained head yet: it gets a logistic
    regression on its frozen, mean-pooled features, so that it is a fair opponent."""

    tasks: ClassVar[frozenset[Task]] = frozenset({"answer", "label", "read"})
    standing: ClassVar[Standing] = "untrained"
    words: ClassVar[str] = "the same model without training"

    def missing(self, bench: Bench) -> str:
        if not bench.subject.has_base:
            return "the base model is not at hand"
        if bench.frame.task == "label" and len({target_of(row) for row in bench.subject.train}) < 2:
            return "it needs training rows of two classes or more"
        return ""

    def outcomes(self, bench: Bench) -> list[Outcome]:
        with bench.subject.base() as bundle:
            if bench.frame.task == "label":
                return self._frozen_features(bench)
            if bench.frame.task == "read":
                return readings(bundle, bench)
            return answers(bundle, bench, arm="base", rewrite=as_they_are, with_nll=True)

    def _frozen_features(self, bench: Bench) -> list[Outcome]:
        subject = bench.subject
        fitted = _some(subject.train, seed=subject.seed)
        rows = [*fitted, *bench.rows]
        with subject.base() as bundle:
            features = pooled(bundle, subject.objective, rows, tell=bench.progress("base"))
        head = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
        head.fit(features[: len(fitted)], [target_of(row) for row in fitted])
        found = head.predict_proba(features[len(fitted) :])
        bench.notes["base"] = {
            "what": "a simple classifier on the untrained model's features",
            "head": "logistic regression on frozen mean-pooled features",
            "fitted_rows": len(fitted),
        }
        names = bench.frame.classes
        spread = spread_over(np.asarray(found), list(head.classes_), names)
        return outcomes(bench.rows, spread, names, seconds=0.0)


def _some(rows: Sequence[Row], *, seed: int) -> list[Row]:
    kept = list(rows)
    if len(kept) > MAX_FITTED:
        kept = stream(seed, "frozen features").sample(kept, MAX_FITTED)
    return kept
