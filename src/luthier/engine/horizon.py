"""How many updates a run takes: a pure function of its limits and the rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from luthier.data.batches import steps, steps_per_epoch
from luthier.data.features_on_disk import columns_of
from luthier.engine.job import Job, Plan
from luthier.objectives import updates_per_exploration


def steps_of(job: Job) -> tuple[int, str]:
    """As `steps_within` the limits of a job."""
    lengths = columns_of(job.train).tokens
    exploring = updates_per_exploration(job.objective)
    return num_steps(
        job.plan, lengths, seed=job.seed, exploring=exploring, easy_first=job.easy_first
    )


def per_epoch(num_rows: int, *, batch_size: int, exploring: int = 0) -> int:
    """Updates of one pass over the rows. Args: exploring: those made with the answers to one batch
    of prompts; 0: rows are learned from as they are."""
    return steps_per_epoch(num_rows, batch_size=batch_size) * max(1, exploring)


def num_steps(
    plan: Plan,
    lengths: Sequence[int],
    *,
    seed: int,
    exploring: int = 0,
    easy_first: Sequence[int] = (),
) -> tuple[int, str]:
    """As `steps_within` the limits of a plan."""
    return steps_within(
        lengths,
        seed=seed,
        batch_size=plan.batch_size,
        epochs=plan.epochs,
        max_steps=plan.max_steps,
        max_tokens=plan.max_tokens,
        exploring=exploring,
        easy_first=easy_first,
    )


def steps_within(
    lengths: Sequence[int],
    *,
    seed: int,
    batch_size: int,
    epochs: float,
    max_steps: int = 0,
    max_tokens: int = 0,
    exploring: int = 0,
    easy_first: Sequence[int] = (),
) -> tuple[int, str]:
    """Updates until the first limit that is known beforehand, and the name of that limit.

    Args: lengths: tokens of each training row. exploring: see `per_epoch`; how many tokens are
        written is not known beforehand, so `max_tokens` is left to the loop then. easy_first: see
        `steps`.
    """
    each = per_epoch(len(lengths), batch_size=batch_size, exploring=exploring)
    found, why = max(1, math.ceil(epochs * each - 1e-9)), "epochs"
    if max_steps and max_steps <= found:
        found, why = max_steps, "max_steps"
    if exploring or not max_tokens or max_tokens >= epochs * sum(lengths):
        return found, why
    tokens = 0
    taken = steps(
        len(lengths), batch_size=batch_size, seed=seed, stop=found - 1, easy_first=easy_first
    )
    for item in taken:
        tokens += sum(lengths[row] for row in item.rows)
        if tokens >= max_tokens:  # the last update may go beyond it
            return item.step + 1, "max_tokens"
    return found, why
