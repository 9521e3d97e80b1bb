"""`labels`: naming all classes of texts with a sequence classifier."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from luthier.data.rows import Multilabeled, Row
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.tasks import tasks
from luthier.evaluation.tasks._batches import MAX_FITTED, Tell, batches, pooled, silent
from luthier.evaluation.tasks._drawn import fitted_to, some
from luthier.evaluation.tasks._scores import scores
from luthier.models.bundle import Bundle
from luthier.objectives import Objective, Scorer
from luthier.ops.threshold import HALF, best_threshold

FOLDS = 3
"""In which rows are said by what was fitted to the others, to choose a threshold."""


@tasks.add
class Labels:
    """Every label whose probability reaches the objective's threshold. The untrained model's head
    says nothing yet: it gets a logistic regression for each label on its frozen, mean-pooled
    features, and a threshold of its own."""

    row: ClassVar[type[Row]] = Multilabeled
    reads: ClassVar[type] = Scorer

    def metric(self, frame: Frame) -> tuple[str, str]:
        del frame
        return "label_f1", "a row may have several right labels, or none"

    def classes(self, train: Sequence[Row], labels: Sequence[str]) -> tuple[str, ...]:
        found = {name for row in train if isinstance(row, Multilabeled) for name in row.labels}
        return tuple(labels) or tuple(sorted(found))

    def missing_base(self, bench: Bench) -> str:
        return "" if bench.subject.train else "there are no training rows"

    def base(self, bench: Bench) -> list[Outcome]:
        subject = bench.subject
        fitted = some(subject.train, MAX_FITTED, seed=subject.seed)
        rows = [*fitted, *bench.rows]
        with subject.base() as bundle:
            features = pooled(bundle, subject.objective, rows, tell=bench.progress("base"))
        bench.notes["base"] = {
            "what": "simple classifiers on the untrained model's features"
            + fitted_to(fitted, subject.train),
            "head": "a logistic regression for every label on frozen mean-pooled features",
            "fitted_rows": len(fitted),
        }
        targets = targets_of(fitted, bench.frame.classes)
        scaler = StandardScaler().fit(features[: len(fitted)])
        known, asked = scaler.transform(features[: len(fitted)]), features[len(fitted) :]
        found, threshold = judged(known, targets, scaler.transform(asked))
        bench.notes["base"]["threshold"] = threshold
        return outcomes(bench.rows, found, bench.frame.classes, threshold=threshold, seconds=0.0)

    def tuned(self, bench: Bench) -> list[Outcome]:
        subject = bench.subject
        started = time.perf_counter()
        tell = bench.progress("tuned")
        found = probabilities(subject.bundle, subject.objective, bench.rows, tell=tell)
        seconds = (time.perf_counter() - started) / max(1, len(bench.rows))
        threshold = threshold_of(subject.objective)
        names = subject.bundle.labels
        return outcomes(bench.rows, found, names, threshold=threshold, seconds=seconds)

    def predictions(self, answerer: Answerer, rows: Sequence[Row]) -> list[dict[str, Any]]:
        bundle, objective = answerer.bundle, answerer.objective
        asked = [replace(row, labels=()) for row in rows if isinstance(row, Multilabeled)]
        found = probabilities(bundle, objective, asked, tell=silent)
        threshold = threshold_of(objective)
        return [
            {
                "labels": named(line, bundle.labels, threshold),
                "probabilities": dict(zip(bundle.labels, line.tolist(), strict=True)),
            }
            for line in found
        ]


def probabilities(
    bundle: Bundle, objective: Objective, rows: Sequence[Row], *, tell: Tell
) -> NDArray[np.float64]:
    """Of every label, each for itself (N, C)."""
    return expit(scores(bundle, objective, rows, batches=batches, tell=tell))


def outcomes(
    rows: Sequence[Row],
    probabilities_NC: NDArray[np.float64],
    names: Sequence[str],
    *,
    threshold: float,
    seconds: float,
) -> list[Outcome]:
    """One outcome per row; its text is the JSON list of the labels."""
    return [
        Outcome(index, row.target(), _text(named(line, names, threshold)), seconds=seconds)
        for index, (row, line) in enumerate(zip(rows, probabilities_NC, strict=True))
    ]


def named(line: NDArray[np.float64], names: Sequence[str], threshold: float) -> list[str]:
    """Labels of this probability and above, sorted."""
    return sorted(
        name for name, value in zip(names, line.tolist(), strict=True) if value >= threshold
    )


def targets_of(rows: Sequence[Row], names: Sequence[str]) -> NDArray[np.float64]:
    """1 where a row has a label (N, C)."""
    places = {name: place for place, name in enumerate(names)}
    found = np.zeros((len(rows), len(names)))
    for line, row in zip(found, rows, strict=True):
        assert isinstance(row, Multilabeled)
        line[[places[name] for name in row.labels if name in places]] = 1
    return found


def judged(
    known_ND: Any, targets_NC: NDArray[np.float64], asked_MD: Any
) -> tuple[NDArray[np.float64], float]:
    """Probabilities (M, C) by a logistic regression for every label, and the threshold that gives
    known rows the best F1, each said by what was fitted to others."""
    found = one_by_one(known_ND, targets_NC, asked_MD)
    fold_N = np.arange(len(targets_NC)) % FOLDS
    if len(targets_NC) < FOLDS:
        return found, HALF
    apart = np.zeros_like(targets_NC)
    for fold in range(FOLDS):
        others = fold_N != fold
        apart[~others] = one_by_one(known_ND[others], targets_NC[others], known_ND[~others])
    return found, best_threshold(apart, targets_NC)[0]


def one_by_one(
    known_ND: Any, targets_NC: NDArray[np.float64], asked_MD: Any
) -> NDArray[np.float64]:
    """Probabilities (M, C) by a logistic regression for every label."""
    found = np.zeros((asked_MD.shape[0], targets_NC.shape[1]))
    for column, targets_N in enumerate(targets_NC.T):
        if targets_N.min() == targets_N.max():  # nothing to fit: always there, or never
            found[:, column] = targets_N[0]
            continue
        head = LogisticRegression(C=0.1, max_iter=1000).fit(known_ND, targets_N)
        found[:, column] = head.predict_proba(asked_MD)[:, 1]
    return found


def threshold_of(objective: Objective) -> float:
    """From which probability on the objective predicts a label."""
    return float(getattr(objective.config, "threshold", HALF))


def _text(labels: list[str]) -> str:
    return json.dumps(labels, ensure_ascii=False)
