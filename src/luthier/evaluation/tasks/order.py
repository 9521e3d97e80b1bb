"""`order`: ranking the documents of a query."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from scipy.special import expit

from luthier.data.rows import Ranked, Row
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.tasks import tasks
from luthier.evaluation.tasks._batches import outputs, pooled, silent
from luthier.evaluation.tasks.number import outcomes, unit
from luthier.models.bundle import Bundle
from luthier.objectives import Objective, Scorer


@tasks.add
class Order:
    """Documents by the score of each with the query. The untrained model's head says nothing yet:
    it ranks by the likeness of the mean-pooled features of query and document, each read alone."""

    row: ClassVar[type[Row]] = Ranked
    reads: ClassVar[type] = Scorer

    def metric(self, frame: Frame) -> tuple[str, str]:
        del frame
        return "ndcg", "documents are ranked for each query"

    def classes(self, train: Sequence[Row], labels: Sequence[str]) -> tuple[str, ...]:
        del train, labels
        return ()

    def missing_base(self, bench: Bench) -> str:
        del bench
        return ""

    def base(self, bench: Bench) -> list[Outcome]:
        subject = bench.subject
        rows = [row for row in bench.rows if isinstance(row, Ranked)]
        first = [replace(row, document="") for row in rows]
        second = [replace(row, query=row.document, document="") for row in rows]
        with subject.base() as bundle:
            u_ND = unit(pooled(bundle, subject.objective, first, tell=silent))
            v_ND = unit(pooled(bundle, subject.objective, second, tell=bench.progress("base")))
        bench.notes["base"] = {
            "what": "the untrained model's own likeness of query and document",
            "head": "cosine of frozen mean-pooled features",
        }
        return outcomes(rows, (u_ND * v_ND).sum(-1).astype(float), seconds=0.0)

    def tuned(self, bench: Bench) -> list[Outcome]:
        subject, started = bench.subject, time.perf_counter()
        tell = bench.progress("tuned")
        found = outputs(subject.bundle, subject.objective, bench.rows, tell=tell)
        seconds = (time.perf_counter() - started) / max(1, len(bench.rows))
        return outcomes(bench.rows, found, seconds=seconds)

    def predictions(
        self, bundle: Bundle, objective: Objective, rows: Sequence[Row], *, max_new_tokens: int
    ) -> list[dict[str, Any]]:
        del max_new_tokens
        asked = [replace(row, score=math.nan) for row in rows if isinstance(row, Ranked)]
        found = outputs(bundle, objective, asked, tell=silent).tolist()
        ranks = _ranks([row.query for row in asked], found)
        return [
            {"relevance": float(expit(value)), "rank": rank}
            for value, rank in zip(found, ranks, strict=True)
        ]


def _ranks(queries: Sequence[str], scores: Sequence[float]) -> list[int]:
    """Place of every document among those of its query, 1 for the best."""
    found = [0] * len(scores)
    met: dict[str, int] = {}
    for place in sorted(range(len(scores)), key=lambda place: -scores[place]):
        met[queries[place]] = met.get(queries[place], 0) + 1
        found[place] = met[queries[place]]
    return found
