"""`find`: pointing at the piece of a text that answers a question."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from luthier.data.batches import micro_batches
from luthier.data.features import Batch, Features, flatten
from luthier.data.rows import Question, Row
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.tasks import tasks
from luthier.evaluation.tasks._answers import Found, best_answer
from luthier.evaluation.tasks._batches import Tell, silent
from luthier.evaluation.tasks._drawn import fitted_to, some
from luthier.evaluation.tasks.label import BATCH_TOKENS
from luthier.models.bundle import Bundle
from luthier.objectives._passages import END, START
from luthier.objectives.contract import Objective

MAX_FITTED = 500
"""Training questions that the frozen features are fitted to, at most."""
OTHERS = 40
"""Tokens of each text that are no start and no end, to learn the difference from."""


@tasks.add
class Find:
    """The best piece of the text. The untrained model's head says nothing yet: it gets two logistic
    regressions, for start and end, on its frozen features of tokens."""

    row: ClassVar[type[Row]] = Question

    def metric(self, frame: Frame) -> tuple[str, str]:
        del frame
        return "answer_f1", "an answer with a word more or less is half right"

    def classes(self, train: Sequence[Row], labels: Sequence[str]) -> tuple[str, ...]:
        del train, labels
        return ()

    def missing_base(self, bench: Bench) -> str:
        known = _answered(bench.subject.train)
        return "" if len(known) > 1 else "it needs training rows with answers"

    def base(self, bench: Bench) -> list[Outcome]:
        subject = bench.subject
        known = _answered(subject.train)
        fitted = some(known, MAX_FITTED, seed=subject.seed)
        with subject.base() as bundle:
            hidden = bundle.trunk.hidden
            learned = scores(bundle, subject.objective, fitted, hidden, tell=silent)
            heads = [_fitted(learned, bit, seed=subject.seed) for bit in (START, END)]
            asked = scores(
                bundle, subject.objective, bench.rows, hidden, tell=bench.progress("base")
            )
        bench.notes["base"] = {
            "what": "a simple answer finder on the untrained model's features"
            + fitted_to(fitted, known),
            "head": "logistic regressions for start and end on frozen features of tokens",
            "fitted_rows": len(fitted),
        }
        said = [(item, np.stack([_said(head, told) for head in heads], -1)) for item, told in asked]
        return outcomes(bench.rows, found(subject.objective, said), seconds=0.0)

    def tuned(self, bench: Bench) -> list[Outcome]:
        subject, started = bench.subject, time.perf_counter()
        bundle, tell = subject.bundle, bench.progress("tuned")
        said = scores(bundle, subject.objective, bench.rows, bundle.trunk.token_scores, tell=tell)
        answers = found(subject.objective, said)
        seconds = (time.perf_counter() - started) / max(1, len(bench.rows))
        return outcomes(bench.rows, answers, seconds=seconds)

    def predictions(self, answerer: Answerer, rows: Sequence[Row]) -> list[dict[str, Any]]:
        bundle, objective = answerer.bundle, answerer.objective
        asked = [row for row in rows if isinstance(row, Question)]
        said = scores(bundle, objective, asked, bundle.trunk.token_scores, tell=silent)
        return [
            {
                "answer": _text(row, one),
                "start": one.start,
                "end": one.end,
                "confidence": one.confidence,
            }
            for row, one in zip(asked, found(objective, said), strict=True)
        ]


Said = list[tuple[Features, NDArray[np.float32]]]
"""Every row with what is said of its tokens (T, C)."""


@torch.no_grad()
def scores(
    bundle: Bundle,
    objective: Objective,
    rows: Sequence[Row],
    say: Callable[[Batch], Tensor],
    *,
    tell: Tell,
) -> Said:
    """What is said of every token of every window, row by row."""
    device = next(bundle.model.parameters()).device
    bundle.model.eval()
    features = [objective.prepare(row, bundle.codec, index=at) for at, row in enumerate(rows)]
    lengths = [item.num_tokens for item in features]
    told: dict[int, NDArray[np.float32]] = {}
    for places in micro_batches(lengths, max_tokens=BATCH_TOKENS):
        batch = flatten([features[place] for place in places]).to(device)
        parts = say(batch).float().cpu().split([lengths[place] for place in places])
        told |= {place: part.numpy() for place, part in zip(places, parts, strict=True)}
        tell(len(told), len(rows))
    return [(item, told[place]) for place, item in enumerate(features)]


def found(objective: Objective, said: Said) -> list[Found]:
    """The answer of every row, as the objective's settings have it."""
    settings = objective.config
    return [
        best_answer(
            item,
            told,
            max_answer=int(getattr(settings, "max_answer", 30)),
            may_be_silent=getattr(settings, "may_be_silent", True) is True,
        )
        for item, told in said
    ]


def outcomes(rows: Sequence[Row], answers: Sequence[Found], *, seconds: float) -> list[Outcome]:
    """One outcome per row; its text is the answer."""
    pairs = enumerate(zip(rows, answers, strict=True))
    return [
        Outcome(index, row.target(), _text(row, one), seconds=seconds)
        for index, (row, one) in pairs
    ]


def _text(row: Row, one: Found) -> str:
    return row.context[one.start : one.end] if isinstance(row, Question) and one.end > 0 else ""


def _answered(rows: Sequence[Row]) -> list[Question]:
    return [row for row in rows if isinstance(row, Question) and row.answers]


def _fitted(learned: Said, bit: int, *, seed: int) -> Any:
    """A classifier that tells tokens with this mark from others of their text."""
    draws = np.random.default_rng(seed)
    vectors: list[NDArray[np.float32]] = []
    targets: list[NDArray[np.bool_]] = []
    for item, told in learned:
        marked = (item.per_token["marks"] & bit) > 0
        others = np.flatnonzero(~marked & (item.per_token["starts"] >= 0))
        drawn = draws.choice(others, min(OTHERS, len(others)), replace=False)
        at = np.concatenate([np.flatnonzero(marked), drawn])
        vectors.append(told[at])
        targets.append(marked[at])
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    return head.fit(np.concatenate(vectors), np.concatenate(targets))


def _said(head: Any, told_TD: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logarithm of the probability of the mark (T,)."""
    return np.asarray(head.predict_log_proba(told_TD)[:, 1], np.float32)
