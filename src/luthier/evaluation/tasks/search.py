"""`search`: finding the text that belongs to another among those of all test rows.

Letters: Q different anchors, M texts that may be found, D width.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from luthier.data.batches import micro_batches
from luthier.data.features import Features, flatten
from luthier.data.rows import Row, Triplet
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.reading import within
from luthier.evaluation.tasks import tasks
from luthier.evaluation.tasks.label import Tell
from luthier.models.bundle import Bundle
from luthier.models.embedding import embed

BATCH_TOKENS = 4096
KEPT = 1000
"""Places further down are not told apart."""


@tasks.add
class Search:
    """All positives and negatives of the test rows are ranked by the cosine of their vectors with
    that of each anchor, which does not find itself. The untrained model does the same with its own
    vectors."""

    row: ClassVar[type[Row]] = Triplet

    def metric(self, frame: Frame) -> tuple[str, str]:
        del frame
        return "search_ndcg", "texts are ranked for each anchor"

    def classes(self, train: Sequence[Row], labels: Sequence[str]) -> tuple[str, ...]:
        del train, labels
        return ()

    def missing_base(self, bench: Bench) -> str:
        del bench
        return ""

    def base(self, bench: Bench) -> list[Outcome]:
        with bench.subject.base() as bundle:
            return _found(bundle, bench, tell=bench.progress("base"))

    def tuned(self, bench: Bench) -> list[Outcome]:
        return _found(bench.subject.bundle, bench, tell=bench.progress("tuned"))

    def predictions(self, answerer: Answerer, rows: Sequence[Row]) -> list[dict[str, Any]]:
        bundle = answerer.bundle
        asked = [row for row in rows if isinstance(row, Triplet)]
        texts = list(dict.fromkeys(t for row in asked for t in (row.anchor, row.positive) if t))
        vectors = vectors_of(bundle, texts, tell=_silent)
        place = {text: index for index, text in enumerate(texts)}
        found: list[dict[str, Any]] = []
        for row in asked:
            vector_D = vectors[place[row.anchor]]
            answer: dict[str, Any] = {"vector": [round(float(value), 7) for value in vector_D]}
            if row.positive:
                other_D = vectors[place[row.positive]]
                lengths = float(np.linalg.norm(vector_D) * np.linalg.norm(other_D))
                answer["cosine"] = float(vector_D @ other_D) / max(lengths, 1e-12)
            found.append(answer)
        return found


def _silent(done: int, total: int) -> None:
    del done, total


def _found(bundle: Bundle, bench: Bench, *, tell: Tell) -> list[Outcome]:
    rows = [row for row in bench.rows if isinstance(row, Triplet)]
    started = time.perf_counter()
    anchors, texts = anchors_of(rows), texts_of(rows)
    vectors = vectors_of(bundle, [*anchors, *texts], tell=tell)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    scores_QM = vectors[: len(anchors)] @ vectors[len(anchors) :].T
    seconds = (time.perf_counter() - started) / max(1, len(rows))
    return ranked(rows, scores_QM, seconds=seconds)


def anchors_of(rows: Sequence[Triplet]) -> list[str]:
    """The different anchors, in order."""
    return list(dict.fromkeys(row.anchor for row in rows))


def texts_of(rows: Sequence[Triplet]) -> list[str]:
    """The different texts that may be found, in order."""
    return list(dict.fromkeys(text for row in rows for text in (row.positive, *row.negatives)))


def ranked(
    rows: Sequence[Triplet], scores_QM: NDArray[np.floating[Any]], *, seconds: float
) -> list[Outcome]:
    """One outcome per row from the scores of `texts_of` for `anchors_of`: the text found first, and
    on the first row of every anchor the places of all that belong to it."""
    texts = texts_of(rows)
    line = {anchor: index for index, anchor in enumerate(anchors_of(rows))}
    column = {text: index for index, text in enumerate(texts)}
    right: dict[str, set[int]] = {}
    for row in rows:
        right.setdefault(row.anchor, set()).add(column[row.positive])
    found: list[Outcome] = []
    met: set[str] = set()
    for index, row in enumerate(rows):
        scores_M = scores_QM[line[row.anchor]]
        own = column.get(row.anchor)
        if own is not None and own not in right[row.anchor]:
            scores_M = scores_M.copy()
            scores_M[own] = -np.inf
        order = np.argsort(-scores_M, kind="stable")[:KEPT].tolist()
        places = tuple(place for place, at in enumerate(order, 1) if at in right[row.anchor])
        missing = len(right[row.anchor]) - len(places)
        ranks = () if row.anchor in met else (*places, *[KEPT + 1] * missing)
        met.add(row.anchor)
        found.append(Outcome(index, row.positive, texts[order[0]], ranks=ranks, seconds=seconds))
    return found


@torch.no_grad()
def vectors_of(bundle: Bundle, texts: Sequence[str], *, tell: Tell) -> NDArray[np.float32]:
    """Vectors of texts (N, D); what is longer than the model reads is cut."""
    model = bundle.model.eval()
    device = next(model.parameters()).device
    encoded = [Features(at, bundle.codec.encode(text)) for at, text in enumerate(texts)]
    features = within(bundle, encoded)
    found: NDArray[np.float32] | None = None
    done = 0
    lengths = [item.num_tokens for item in features]
    for group in micro_batches(lengths, max_tokens=BATCH_TOKENS):
        batch = flatten([features[index] for index in group]).to(device)
        vectors = embed(bundle, batch).cpu().numpy()
        if found is None:
            found = np.zeros((len(texts), vectors.shape[1]), np.float32)
        found[group] = vectors
        done += len(group)
        tell(done, len(texts))
    assert found is not None
    return found
