"""Whether an update may be taken, and which rows and tensors are to blame when it may not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

import torch

from luthier.core.events import Notice
from luthier.data.features import Features
from luthier.engine.accumulate import Measured, detached, means, one_loss
from luthier.engine.job import Job
from luthier.engine.optimizer import Optimizer
from luthier.engine.progress import Progress
from luthier.objectives import Explorer

NUM_NAMED = 3
FEW = 8
"""So many losses make a median; before, only what is far above guessing is a spike."""
GUESSING, NEGLIGIBLE = 10.0, 0.1
"""Nats: a uniform guess over 22,000 tokens; a loss that is as good as learned."""


def objection(measured: Measured, progress: Progress, *, spike_factor: float) -> str:
    """Why this update must not be taken; empty when it may.

    A spike exceeds by `spike_factor` all of: the running median, the first loss, and a loss that
    is small by itself. Late in training the median is next to nothing, and one hard row among
    learned ones is no accident.
    """
    if measured.count == 0:
        return "nothing in it is trained"
    if not math.isfinite(measured.loss):
        return f"loss is {measured.loss}"
    if not math.isfinite(measured.gradient_norm):
        return f"gradient norm is {measured.gradient_norm} (loss {measured.loss:.4g})"
    if not spike_factor or not progress.history:
        return ""
    usual, least = median(progress.history), NEGLIGIBLE
    if len(progress.history) < FEW:
        least = GUESSING
    bound = spike_factor * max(usual, progress.first_loss, least)
    if measured.loss <= bound:
        return ""
    return f"loss is {measured.loss:.4g}, above {bound:.4g}, and its median {usual:.4g}"


def is_empty(job: Job, measured: Measured) -> bool:
    """Whether nothing the model said can be learned from, which is no fault of the update."""
    return measured.count == 0 and isinstance(job.objective, Explorer)


def nothing_learned(job: Job, progress: Progress) -> list[Notice]:
    """What to say of an update that was empty: at the first in a row, and as a warning at every
    fifth or so (`Plan.max_skipped`)."""
    in_a_row, step = progress.num_empty, progress.step
    if in_a_row % job.plan.max_skipped == 0:
        return [
            Notice(
                f"step {step}: for {in_a_row} updates in a row nothing was learned: every answer "
                "was cut at objective.max_new_tokens, and objective.truncated leaves those out. "
                "Raise objective.max_new_tokens, or set objective.truncated to learn",
                "warning",
            )
        ]
    first = "every answer was cut and left out, so nothing was learned from this update"
    return [Notice(f"step {step}: {first}")] if in_a_row == 1 else []


def spike_factor(job: Job) -> float:
    """The plan's, and 0 (no spikes) where the model learns from its own answers: such a loss goes
    up and down around 0, so how many times another one it is says nothing."""
    return 0.0 if isinstance(job.objective, Explorer) else job.plan.spike_factor


def blame_tensors(optimizer: Optimizer) -> tuple[str, ...]:
    """Names of parameters whose gradient is not finite, at most three."""
    gradients = optimizer.gradients().items()
    found = [name for name, gradient in gradients if not bool(torch.isfinite(gradient).all())]
    return tuple(found[:NUM_NAMED])


def blame_rows(
    job: Job, optimizer: Optimizer, features: Sequence[Features], *, step: int
) -> tuple[str, ...]:
    """Names of the rows that are not finite alone, else of those with the highest loss.

    Every row is run once more by itself, forward and backward; weights stay as they are. Where
    rows interact, none is to blame alone.
    """
    if not job.objective.additive:
        return ()
    scores: list[tuple[float, int]] = []
    for item in features:
        optimizer.clear()
        loss = one_loss(job, [item], step=step, number=0)
        if loss.sum.requires_grad:
            loss.sum.backward()
        alone = means([detached(loss)], optimizer.norm())
        is_finite = math.isfinite(alone.loss) and math.isfinite(alone.gradient_norm)
        scores.append((alone.loss if is_finite else math.inf, item.row))
    optimizer.clear()
    scores.sort(key=lambda pair: -pair[0])
    broken = [row for score, row in scores if score == math.inf]
    worst = broken or [row for _, row in scores]
    return tuple(job.row_name(row) for row in worst[:NUM_NAMED])


def diverged_message(job: Job, progress: Progress, reason: str, checkpoint: str) -> str:
    """What happened, what is safe, and what usually causes it."""
    plan, tuner = job.plan, type(job.tuner).__name__.lower()
    last = "no update was taken before"
    if progress.history:
        last = (
            f"last finite {progress.history[-1]:.4g} at step {progress.last_taken}; "
            f"gradient norm there {progress.last_norm:.4g}"
        )
    kept = f"checkpoint {checkpoint} is intact" if checkpoint else "no checkpoint was written yet"
    return (
        f"step {progress.step}: {reason} ({last}). {plan.max_skipped} updates in a row were not "
        f"taken; {kept}.\n"
        f"    Usual causes: learning rate {plan.learning_rate:g} is high for tuner '{tuner}'; rows "
        "with broken text or labels.\n"
        f"    Try training.learning_rate={plan.learning_rate / 10:g}. See docs/diverging.md"
    )
