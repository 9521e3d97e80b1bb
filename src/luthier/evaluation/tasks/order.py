"""`order`: ranking the documents of a query."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from operator import itemgetter
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from luthier.data.rows import Candidate, Ranked, Row
from luthier.data.rows.ranked import numbers_text
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.tasks import tasks
from luthier.evaluation.tasks._batches import Tell, outputs, pooled, silent
from luthier.evaluation.tasks.number import unit
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
        queries = [_asked(row, row.query, "") for row in rows]
        texts = [_asked(row, item.text, "") for row in rows for item in row.documents]
        with subject.base() as bundle:
            u_BD = unit(pooled(bundle, subject.objective, queries, tell=silent))
            v_SD = unit(pooled(bundle, subject.objective, texts, tell=bench.progress("base")))
        bench.notes["base"] = {
            "what": "the untrained model's own likeness of query and document",
            "head": "cosine of frozen mean-pooled features",
        }
        of_S = np.repeat(np.arange(len(rows)), [len(row.documents) for row in rows])
        return ordered(rows, (u_BD[of_S] * v_SD).sum(-1).astype(float), seconds=0.0)

    def tuned(self, bench: Bench) -> list[Outcome]:
        subject, started = bench.subject, time.perf_counter()
        rows = [row for row in bench.rows if isinstance(row, Ranked)]
        found = _scores(subject.bundle, subject.objective, rows, tell=bench.progress("tuned"))
        seconds = (time.perf_counter() - started) / max(1, len(rows))
        return ordered(rows, found, seconds=seconds)

    def predictions(self, answerer: Answerer, rows: Sequence[Row]) -> list[dict[str, Any]]:
        bundle, objective = answerer.bundle, answerer.objective
        asked = [row for row in rows if isinstance(row, Ranked)]
        found_S = _scores(bundle, objective, asked, tell=silent)
        queries = [row.query for row in asked for _ in row.documents]
        ranks = _ranks(queries, found_S.tolist())
        said = iter(zip(expit(found_S).tolist(), ranks, strict=True))
        return [_said(row, list(islice(said, len(row.documents)))) for row in asked]


def ordered(
    rows: Sequence[Ranked], scores_S: NDArray[np.float64], *, seconds: float
) -> list[Outcome]:
    """One outcome per row; its text is the score of each document of it."""
    left = iter(scores_S.tolist())
    return [
        Outcome(
            index,
            row.target(),
            numbers_text(list(islice(left, len(row.documents)))),
            seconds=seconds,
        )
        for index, row in enumerate(rows)
    ]


def _scores(
    bundle: Bundle, objective: Objective, rows: Sequence[Ranked], *, tell: Tell
) -> NDArray[np.float64]:
    """Of every document, asked by itself so that documents of like length go together (S,)."""
    asked = [_asked(row, row.query, item.text) for row in rows for item in row.documents]
    return outputs(bundle, objective, asked, tell=tell)


def _asked(row: Ranked, query: str, document: str) -> Ranked:
    return Ranked(origin=row.origin, query=query, documents=(Candidate(document),))


def _said(row: Ranked, said: Sequence[tuple[float, int]]) -> dict[str, Any]:
    """Of one document its relevance and rank; of several all of them, best first."""
    if len(row.documents) == 1:
        ((relevance, rank),) = said
        return {"relevance": relevance, "rank": rank}
    lines = [
        {"text": document.text, "relevance": relevance, "rank": rank, "place": place}
        for place, (document, (relevance, rank)) in enumerate(zip(row.documents, said, strict=True))
    ]
    return {"documents": sorted(lines, key=itemgetter("rank"))}


def _ranks(queries: Sequence[str], scores: Sequence[float]) -> list[int]:
    """Place of every document among those of its query, 1 for the best."""
    found = [0] * len(scores)
    met: dict[str, int] = {}
    for place in sorted(range(len(scores)), key=lambda place: -scores[place]):
        met[queries[place]] = met.get(queries[place], 0) + 1
        found[place] = met[queries[place]]
    return found
