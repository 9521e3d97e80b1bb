"""`prefer`: telling the better of two answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from luthier.data.rows import Message, Preference, Row
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.tasks import tasks
from luthier.evaluation.tasks._drawn import fitted_to, some
from luthier.evaluation.tasks._judged import (
    Tell,
    batches,
    compares,
    no_base,
    prompt_of,
    raised,
    said,
    samples,
    write,
)
from luthier.models.bundle import Bundle
from luthier.objectives import Objective, Scorer

MAX_FITTED = 3000
"""Training rows that the untrained model's frozen features are fitted to, at most."""
NAMES = ("chosen", "rejected")
_ANY = (Message("assistant", "."),)


@tasks.add
class Prefer:
    """A language model prefers the answer whose likelihood training raised most: the implicit
    reward; where no reference was trained against, the likelier one. A reward model prefers the
    one with the higher score. The untrained model prefers the likelier answer; where it only has a
    head that was never trained, it gets a logistic regression on its frozen features."""

    row: ClassVar[type[Row]] = Preference
    reads: ClassVar[type] = Scorer

    def metric(self, frame: Frame) -> tuple[str, str]:
        del frame
        return "preference_accuracy", "every row says which answer is better"

    def classes(self, train: Sequence[Row], labels: Sequence[str]) -> tuple[str, ...]:
        del train, labels
        return ()

    def missing_base(self, bench: Bench) -> str:
        return no_base(bench)

    def base(self, bench: Bench) -> list[Outcome]:
        subject, tell = bench.subject, bench.progress("base")
        if subject.bundle.kind != "causal_lm":
            return _fitted(bench, tell)
        with subject.base() as before:
            margins_N = _margins(said(before, subject.objective, bench.rows, tell=tell))
            texts = samples(before, bench.rows)
        bench.notes["base"] = {"what": "the untrained model preferring the likelier answer"}
        return outcomes(margins_N, likelihood_N=margins_N, texts=texts)

    def tuned(self, bench: Bench) -> list[Outcome]:
        subject, tell = bench.subject, bench.progress("tuned")
        bundle, objective = subject.bundle, subject.objective
        own_N = margins_N = _margins(said(bundle, objective, bench.rows, tell=tell))
        if bundle.kind != "causal_lm":
            return outcomes(margins_N)
        if compares(objective) and subject.has_reference:
            with subject.compared_with() as before:
                own_N = margins_N - _margins(said(before, objective, bench.rows, tell=tell))
        return outcomes(own_N, likelihood_N=margins_N, texts=samples(bundle, bench.rows))

    def predictions(self, answerer: Answerer, rows: Sequence[Row]) -> list[dict[str, Any]]:
        bundle = answerer.bundle
        known = [row for row in rows if isinstance(row, Preference)]
        asked = [at for at, row in enumerate(known) if not row.chosen]
        judged = [at for at, row in enumerate(known) if row.chosen]
        found: dict[int, dict[str, Any]] = {}
        if asked and bundle.kind == "causal_lm":
            chats = [prompt_of(known[at]) for at in asked]
            texts = write(bundle, chats, max_new_tokens=answerer.max_new_tokens)
            answers = [{"answer": text, "finished": finished} for text, finished in texts]
            found |= dict(zip(asked, answers, strict=True))
        elif asked:
            found |= {at: {"chosen_score": None} for at in asked}
        if judged:
            # any other answer, so that `prepare` takes rows that hold one alone
            pairs = [replace(known[at], rejected=known[at].rejected or _ANY) for at in judged]
            for at, scores in zip(judged, raised(answerer, pairs).tolist(), strict=True):
                found[at] = _judgement(known[at], scores)
        return [found[at] for at in range(len(known))]


def outcomes(
    margins_N: NDArray[np.float64],
    *,
    likelihood_N: NDArray[np.float64] | None = None,
    texts: Sequence[str] = (),
) -> list[Outcome]:
    """One outcome per row from how far the chosen answer is ahead.

    Args: likelihood_N: how far it is ahead in log-likelihood; `Outcome.score`. texts: what the
        model itself writes, or "".
    """
    found: list[Outcome] = []
    for index, margin in enumerate(margins_N.tolist()):
        share = float(1 / (1 + np.exp(-np.clip(margin, -30, 30))))
        text = f"{NAMES[int(margin <= 0)]} (ahead by {abs(margin):.2f})"
        if texts and texts[index]:
            text += f"\n\nits own answer: {texts[index]}"
        outcome = Outcome(index, NAMES[0], text, probabilities=(share, 1 - share))
        if likelihood_N is not None:
            outcome = replace(outcome, score=float(likelihood_N[index]))
        found.append(outcome)
    return found


def _margins(scores_N2: NDArray[np.float64]) -> NDArray[np.float64]:
    return scores_N2[:, 0] - scores_N2[:, 1]


def _judgement(row: Preference, scores: list[float]) -> dict[str, Any]:
    """What the file of predictions says of one row."""
    if not row.rejected:
        return {"score": scores[0]}
    better = NAMES[int(scores[0] <= scores[1])]
    return {"preferred": better, "chosen_score": scores[0], "rejected_score": scores[1]}


def _fitted(bench: Bench, tell: Tell) -> list[Outcome]:
    """A logistic regression on the difference of frozen, mean-pooled features."""
    subject = bench.subject
    train = some(subject.train, MAX_FITTED, seed=subject.seed)
    with subject.base() as before:
        differences_ND = _differences(before, subject.objective, [*train, *bench.rows], tell)
    differences_ND /= differences_ND[: len(train)].std(0) + 1e-6
    fitted_ND, wanted_ND = differences_ND[: len(train)], differences_ND[len(train) :]
    # each pair the one way round and the other: a rule without a preference for a side
    head = LogisticRegression(C=0.01, fit_intercept=False, max_iter=1000)
    head.fit(np.concatenate([fitted_ND, -fitted_ND]), [1] * len(train) + [0] * len(train))
    bench.notes["base"] = {
        "what": "a simple judge on the untrained model's features"
        + fitted_to(train, subject.train),
        "head": "logistic regression on differences of frozen mean-pooled features",
        "fitted_rows": len(train),
    }
    return outcomes(np.asarray(head.decision_function(wanted_ND)))


@torch.no_grad()
def _differences(
    bundle: Bundle, objective: Objective, rows: Sequence[Row], tell: Tell
) -> NDArray[np.float64]:
    """Mean of the final hidden states of the chosen sequence less that of the rejected (N, D)."""
    found: NDArray[np.float64] | None = None
    done = 0
    for indices, batch in batches(bundle, objective, rows):
        parts = bundle.trunk.hidden(batch).double().split(list(batch.lengths))
        means_SD = torch.stack([part.mean(0) for part in parts])
        if found is None:
            found = np.zeros((len(rows), means_SD.shape[1]))
        found[indices] = (means_SD[::2] - means_SD[1::2]).cpu().numpy()
        done += len(indices)
        tell(done, len(rows))
    assert found is not None
    return found
