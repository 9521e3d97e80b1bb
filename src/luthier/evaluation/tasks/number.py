"""`number`: scoring texts, or pairs of them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from luthier.data.rows import Row, Scored
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.tasks import tasks
from luthier.evaluation.tasks._batches import MAX_FITTED, Tell, outputs, pooled, silent
from luthier.evaluation.tasks._drawn import fitted_to, some
from luthier.models.bundle import Bundle
from luthier.objectives import Objective, Scorer

STRENGTHS = (1.0, 10.0, 100.0, 1000.0, 10000.0)


@tasks.add
class Number:
    """The number itself. The untrained model's head says nothing yet: it gets a ridge regression
    on its frozen, mean-pooled features; of a pair, on how its two vectors differ and agree."""

    row: ClassVar[type[Row]] = Scored
    reads: ClassVar[type] = Scorer

    def metric(self, frame: Frame) -> tuple[str, str]:
        if len(set(frame.targets)) < 2:
            return "rmse", "all test rows have the same number"
        return "spearman", "the order counts, whatever the unit"

    def classes(self, train: Sequence[Row], labels: Sequence[str]) -> tuple[str, ...]:
        del train, labels
        return ()

    def missing_base(self, bench: Bench) -> str:
        return "" if len(bench.subject.train) > 1 else "it needs training rows"

    def base(self, bench: Bench) -> list[Outcome]:
        subject, tell = bench.subject, bench.progress("base")
        fitted = some(subject.train, MAX_FITTED, seed=subject.seed)
        rows = [row for row in (*fitted, *bench.rows) if isinstance(row, Scored)]
        with subject.base() as bundle:
            if bundle.kind == "embedder":  # its vectors say something without any training
                found = outputs(bundle, subject.objective, bench.rows, tell=tell)
                return outcomes(bench.rows, found, seconds=0.0)
            features = _features(bundle, subject.objective, rows, tell=tell)
        head = make_pipeline(StandardScaler(), RidgeCV(STRENGTHS))
        head.fit(features[: len(fitted)], [row.score for row in rows[: len(fitted)]])
        bench.notes["base"] = {
            "what": "a simple regression on the untrained model's features"
            + fitted_to(fitted, subject.train),
            "head": "ridge regression on frozen mean-pooled features",
            "fitted_rows": len(fitted),
        }
        found = np.asarray(head.predict(features[len(fitted) :]), np.float64)
        return outcomes(bench.rows, found, seconds=0.0)

    def tuned(self, bench: Bench) -> list[Outcome]:
        subject, started = bench.subject, time.perf_counter()
        tell = bench.progress("tuned")
        found = outputs(subject.bundle, subject.objective, bench.rows, tell=tell)
        seconds = (time.perf_counter() - started) / max(1, len(bench.rows))
        return outcomes(bench.rows, found, seconds=seconds)

    def predictions(self, answerer: Answerer, rows: Sequence[Row]) -> list[dict[str, Any]]:
        bundle, objective = answerer.bundle, answerer.objective
        asked = [replace(row, score=math.nan) for row in rows if isinstance(row, Scored)]
        found = outputs(bundle, objective, asked, tell=silent)
        return [{"score": float(value)} for value in found]


def outcomes(rows: Sequence[Row], found_N: NDArray[np.float64], *, seconds: float) -> list[Outcome]:
    """One outcome per row; its text is the number."""
    return [
        Outcome(index, row.target(), f"{value:.9g}", seconds=seconds)
        for index, (row, value) in enumerate(zip(rows, found_N.tolist(), strict=True))
    ]


def _features(
    bundle: Bundle, objective: Objective, rows: Sequence[Scored], *, tell: Tell
) -> NDArray[np.float32]:
    if not any(row.text_pair for row in rows):
        return pooled(bundle, objective, rows, tell=tell)
    first = [replace(row, text_pair="") for row in rows]
    second = [replace(row, text=row.text_pair or row.text, text_pair="") for row in rows]
    u_ND = unit(pooled(bundle, objective, first, tell=silent))
    v_ND = unit(pooled(bundle, objective, second, tell=tell))
    cosine_N1 = (u_ND * v_ND).sum(-1, keepdims=True)
    # the one number that says most must not drown among the others
    return np.concatenate([cosine_N1, np.abs(u_ND - v_ND), u_ND * v_ND], axis=1)


def unit(vectors_ND: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors at length 1."""
    return vectors_ND / np.maximum(np.linalg.norm(vectors_ND, axis=1, keepdims=True), 1e-12)
