"""`rate`: telling good answers from bad ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from luthier.data.rows import Rated, Row
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.tasks import tasks
from luthier.evaluation.tasks._drawn import some
from luthier.evaluation.tasks._judged import compares, prompt_of, raised, said, samples, write
from luthier.objectives import Scorer

MAX_FITTED = 256
"""Training rows from which the threshold between good and bad is read, at most."""
NAMES = ("bad", "good")


@tasks.add
class Rate:
    """An answer is good where training raised its likelihood by more than a threshold, which is
    read off training rows; for the untrained model, where it is likelier than a threshold."""

    row: ClassVar[type[Row]] = Rated
    reads: ClassVar[type] = Scorer

    def metric(self, frame: Frame) -> tuple[str, str]:
        del frame
        return "accuracy", "every row says whether the answer is good"

    def classes(self, train: Sequence[Row], labels: Sequence[str]) -> tuple[str, ...]:
        del train, labels
        return NAMES

    def missing_base(self, bench: Bench) -> str:
        one = len({row.target() for row in bench.subject.train}) < 2
        return "it needs good and bad training rows" if one else ""

    def base(self, bench: Bench) -> list[Outcome]:
        fitted = _fitted(bench)
        rows, tell = [*fitted, *bench.rows], bench.progress("base")
        with bench.subject.base() as before:
            found_N = said(before, bench.subject.objective, rows, tell=tell)[:, 0]
            texts = samples(before, bench.rows)
        bench.notes["base"] = {
            "what": "the untrained model calling likely answers good",
            "own_answers": [text for text in texts if text],
        }
        return _outcomes(bench, found_N, fitted)

    def tuned(self, bench: Bench) -> list[Outcome]:
        subject, tell = bench.subject, bench.progress("tuned")
        fitted = _fitted(bench)
        rows = [*fitted, *bench.rows]
        found_N = said(subject.bundle, subject.objective, rows, tell=tell)[:, 0]
        if compares(subject.objective) and subject.has_reference:
            with subject.compared_with() as before:
                found_N = found_N - said(before, subject.objective, rows, tell=tell)[:, 0]
        texts = samples(subject.bundle, bench.rows)
        bench.notes["tuned"] = {"own_answers": [text for text in texts if text]}
        return _outcomes(bench, found_N, fitted)

    def predictions(self, answerer: Answerer, rows: Sequence[Row]) -> list[dict[str, Any]]:
        bundle = answerer.bundle
        known = [row for row in rows if isinstance(row, Rated)]
        asked = [at for at, row in enumerate(known) if row.messages[-1].role != "assistant"]
        judged = [at for at in range(len(known)) if at not in set(asked)]
        found: dict[int, dict[str, Any]] = {}
        chats = [prompt_of(known[at]) for at in asked]
        texts = write(bundle, chats, max_new_tokens=answerer.max_new_tokens) if chats else []
        for at, (text, finished) in zip(asked, texts, strict=True):
            found[at] = {"answer": text, "finished": finished}
        if judged:
            scores = raised(answerer, [known[at] for at in judged])[:, 0]
            found |= {at: {"score": float(x)} for at, x in zip(judged, scores, strict=True)}
        return [found[at] for at in range(len(known))]


def _fitted(bench: Bench) -> list[Row]:
    return some(bench.subject.train, MAX_FITTED, seed=bench.subject.seed)


def _outcomes(bench: Bench, scores_N: NDArray[np.float64], fitted: Sequence[Row]) -> list[Outcome]:
    """One outcome per test row; the threshold is that of the rows before them."""
    scores_N1 = (scores_N / (scores_N[: len(fitted)].std() + 1e-9))[:, None]
    thumbs = [row.target() for row in fitted]
    head = LogisticRegression(class_weight="balanced").fit(scores_N1[: len(fitted)], thumbs)
    found = np.asarray(head.predict_proba(scores_N1[len(fitted) :]))
    places = [list(head.classes_).index(name) for name in NAMES]
    return [
        Outcome(
            index,
            row.target(),
            NAMES[int(line[places].argmax())],
            probabilities=tuple(float(line[place]) for place in places),
        )
        for index, (row, line) in enumerate(zip(bench.rows, found, strict=True))
    ]
