"""`entities`: finding names and other pieces of texts with a token classifier."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from luthier.data.rows import Row, Tagged
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.bench import Bench
from luthier.evaluation.chunks import chunks
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.spread import spread_over
from luthier.evaluation.tasks import tasks
from luthier.evaluation.tasks._batches import silent
from luthier.evaluation.tasks._drawn import fitted_to, some
from luthier.evaluation.tasks._paths import best_path
from luthier.evaluation.tasks._words import of_words
from luthier.models.bundle import Bundle
from luthier.objectives.contract import Objective

MAX_WORDS = 50_000
"""Training words that the frozen features are fitted to, at most."""


@tasks.add
class Entities:
    """The most probable BIO tags of all words together. The untrained model's head says nothing
    yet: it gets a logistic regression on the frozen features of single words."""

    row: ClassVar[type[Row]] = Tagged

    def metric(self, frame: Frame) -> tuple[str, str]:
        del frame
        return "entity_f1", "an entity is right where its type and both ends are"

    def classes(self, train: Sequence[Row], labels: Sequence[str]) -> tuple[str, ...]:
        del train, labels
        return ()

    def missing_base(self, bench: Bench) -> str:
        tags = {tag for row in bench.subject.train if isinstance(row, Tagged) for tag in row.tags}
        return "" if len(tags) > 1 else "it needs training rows with entities"

    def base(self, bench: Bench) -> list[Outcome]:
        subject = bench.subject
        known = [row for row in subject.train if isinstance(row, Tagged)]
        fitted = some(known, MAX_WORDS, seed=subject.seed, size=lambda row: len(row.tokens))
        rows, tell = [*fitted, *bench.rows], bench.progress("base")
        with subject.base() as bundle:
            trunk = bundle.trunk
            features = of_words(bundle, subject.objective, rows, trunk.hidden, tell=tell)
        known_ND = np.concatenate(features[: len(fitted)])
        tags = np.array([tag for row in fitted for tag in row.tags])
        is_known = ~np.isnan(known_ND).any(-1)
        head = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
        head.fit(known_ND[is_known], tags[is_known])
        bench.notes["base"] = {
            "what": "a simple tagger on the untrained model's features" + fitted_to(fitted, known),
            "head": "logistic regression on the frozen features of words",
            "fitted_rows": len(fitted),
        }
        names = subject.bundle.labels
        found = [_guessed(head, item, names) for item in features[len(fitted) :]]
        return outcomes(bench.rows, found, names, seconds=0.0)

    def tuned(self, bench: Bench) -> list[Outcome]:
        subject, started = bench.subject, time.perf_counter()
        bundle, tell = subject.bundle, bench.progress("tuned")
        found = logprobs(bundle, subject.objective, bench.rows, tell=tell)
        seconds = (time.perf_counter() - started) / max(1, len(bench.rows))
        return outcomes(bench.rows, found, bundle.labels, seconds=seconds)

    def predictions(self, answerer: Answerer, rows: Sequence[Row]) -> list[dict[str, Any]]:
        bundle, objective = answerer.bundle, answerer.objective
        tagged = [row for row in rows if isinstance(row, Tagged)]
        found = logprobs(bundle, objective, tagged, tell=silent)
        return [_answer(row, item, bundle.labels) for row, item in zip(tagged, found, strict=True)]


def logprobs(
    bundle: Bundle, objective: Objective, rows: Sequence[Row], *, tell: Any
) -> list[NDArray[np.float32]]:
    """Log-probabilities of the tags of every word (W, C), row by row."""
    trunk = bundle.trunk
    return of_words(
        bundle,
        objective,
        rows,
        lambda batch, at_M: trunk.token_scores(batch, at_M).float().log_softmax(-1),
        tell=tell,
    )


def outcomes(
    rows: Sequence[Row],
    found: Sequence[NDArray[np.float32]],
    names: Sequence[str],
    *,
    seconds: float,
) -> list[Outcome]:
    """One outcome per row; its text is the tags with a space between."""
    return [
        Outcome(
            index,
            row.target(),
            " ".join(names[place] for place in best_path(item, names)),
            seconds=seconds,
        )
        for index, (row, item) in enumerate(zip(rows, found, strict=True))
    ]


def _guessed(head: Any, features_WD: NDArray[np.float32], names: Sequence[str]) -> Any:
    found = np.full((len(features_WD), len(names)), np.nan)
    is_known = ~np.isnan(features_WD).any(-1)
    if is_known.any():
        said = np.asarray(head.predict_proba(features_WD[is_known]))
        spread = spread_over(said, [str(name) for name in head.classes_], names)
        found[is_known] = np.log(np.maximum(spread, 1e-12))
    return found


def _answer(row: Tagged, logprobs_WC: NDArray[np.float32], names: Sequence[str]) -> dict[str, Any]:
    """The entities with their characters, and the tag of every word."""
    path = best_path(logprobs_WC, names)
    tags = [names[place] for place in path]
    text, starts = row.placed()
    entities: list[dict[str, Any]] = []
    for chunk in chunks(tags):
        start, last = starts[chunk.start], chunk.end - 1
        end = starts[last] + len(row.tokens[last])
        said = [float(logprobs_WC[word, path[word]]) for word in range(chunk.start, chunk.end)]
        entities.append(
            {
                "start": start,
                "end": end,
                "label": chunk.type,
                "text": text[start:end],
                "confidence": float(np.exp(np.nanmean(said))),
            }
        )
    words = {"tokens": list(row.tokens)} if row.text else {}  # cut here: the reader has none yet
    return {"entities": entities, **words, "tags": tags}
