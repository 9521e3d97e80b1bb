"""`label`: naming the class of texts with a sequence classifier."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from luthier.data.batches import micro_batches
from luthier.data.features import Batch
from luthier.data.rows import Labeled, Row
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.reading import within
from luthier.evaluation.spread import spread_over
from luthier.evaluation.tasks import tasks
from luthier.evaluation.tasks._drawn import fitted_to, some
from luthier.evaluation.tasks._scores import scores
from luthier.models.bundle import Bundle
from luthier.objectives import Objective, Scorer

BATCH_TOKENS = 4096
BATCH_PICTURES = 64
"""As many of 224 x 224 are 39 MB of numbers, and gigabytes of states at most."""
MAX_FITTED = 20_000
"""Training rows the frozen features are fitted to, at most."""
Tell = Callable[[int, int], None]


@tasks.add
class Label:
    """The most probable class. The untrained model's head says nothing yet: it gets a logistic
    regression on its frozen, mean-pooled features, so that it is a fair opponent."""

    row: ClassVar[type[Row]] = Labeled
    reads: ClassVar[type] = Scorer

    def metric(self, frame: Frame) -> tuple[str, str]:
        del frame
        return "accuracy", "every row has one right label"

    def classes(self, train: Sequence[Row], labels: Sequence[str]) -> tuple[str, ...]:
        del train
        return tuple(labels)

    def missing_base(self, bench: Bench) -> str:
        one = len({row.target() for row in bench.subject.train}) < 2
        return "it needs training rows of two classes or more" if one else ""

    def base(self, bench: Bench) -> list[Outcome]:
        subject = bench.subject
        fitted = some(subject.train, MAX_FITTED, seed=subject.seed)
        rows = [*fitted, *bench.rows]
        with subject.base() as bundle:
            features = pooled(bundle, subject.objective, rows, tell=bench.progress("base"))
        head = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
        head.fit(features[: len(fitted)], [row.target() for row in fitted])
        found = head.predict_proba(features[len(fitted) :])
        bench.notes["base"] = {
            "what": "a simple classifier on the untrained model's features"
            + fitted_to(fitted, subject.train),
            "head": "logistic regression on frozen mean-pooled features",
            "fitted_rows": len(fitted),
        }
        names = bench.frame.classes
        spread = spread_over(np.asarray(found), list(head.classes_), names)
        return outcomes(bench.rows, spread, names, seconds=0.0)

    def tuned(self, bench: Bench) -> list[Outcome]:
        subject, tell = bench.subject, bench.progress("tuned")
        return labels(subject.bundle, subject.objective, bench.rows, tell=tell)

    def predictions(self, answerer: Answerer, rows: Sequence[Row]) -> list[dict[str, Any]]:
        bundle, objective = answerer.bundle, answerer.objective
        # any label that the objective knows, so that `prepare` takes the rows
        known = [replace(row, label=bundle.labels[0]) for row in rows if isinstance(row, Labeled)]
        found = labels(bundle, objective, known, tell=_silent)
        return [
            {
                "label": item.text,
                "confidence": max(item.probabilities),
                "probabilities": dict(zip(bundle.labels, item.probabilities, strict=True)),
            }
            for item in found
        ]


def _silent(done: int, total: int) -> None:
    del done, total


def labels(
    bundle: Bundle, objective: Objective, rows: Sequence[Row], *, tell: Tell
) -> list[Outcome]:
    """The most probable class of each row, and the probability of every class."""
    started = time.perf_counter()
    found = softmax(scores(bundle, objective, rows, batches=batches, tell=tell), axis=-1)
    seconds = (time.perf_counter() - started) / max(1, len(rows))
    return outcomes(rows, found, bundle.labels, seconds=seconds)


def outcomes(
    rows: Sequence[Row],
    probabilities_NC: NDArray[np.float64],
    names: Sequence[str],
    *,
    seconds: float,
) -> list[Outcome]:
    """One outcome per row from class probabilities."""
    return [
        Outcome(
            index,
            row.target(),
            names[int(line.argmax())],
            probabilities=tuple(float(value) for value in line),
            seconds=seconds,
        )
        for index, (row, line) in enumerate(zip(rows, probabilities_NC, strict=True))
    ]


@torch.no_grad()
def pooled(
    bundle: Bundle, objective: Objective, rows: Sequence[Row], *, tell: Tell
) -> NDArray[np.float32]:
    """Mean of the final hidden states of each row's tokens (N, D)."""
    found: NDArray[np.float32] | None = None
    done = 0
    for indices, batch in batches(bundle, objective, rows):
        hidden_ND = bundle.trunk.hidden(batch).float()
        means = torch.stack([part.mean(0) for part in hidden_ND.split(list(batch.lengths))])
        if found is None:
            found = np.zeros((len(rows), means.shape[1]), np.float32)
        found[indices] = means.cpu().numpy()
        done += len(indices)
        tell(done, len(rows))
    assert found is not None
    return found


def batches(
    bundle: Bundle, objective: Objective, rows: Sequence[Row]
) -> Iterator[tuple[list[int], Batch]]:
    """Rows as batches of like length, with the indices of the rows in each."""
    device = next(bundle.model.parameters()).device
    bundle.model.eval()
    prepared = [objective.prepare(row, bundle.codec, index=at) for at, row in enumerate(rows)]
    features = within(bundle, prepared)
    order = sorted(range(len(rows)), key=lambda index: features[index].num_tokens)
    lengths = [features[index].num_tokens for index in order]
    most = BATCH_PICTURES if bundle.kind == "image_classifier" else BATCH_TOKENS
    for places in micro_batches(lengths, max_tokens=most):
        indices = [order[place] for place in places]
        yield indices, objective.collate([features[index] for index in indices]).to(device)
