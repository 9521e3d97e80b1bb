"""How many updates a run takes: a pure function of its limits and the rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from luthier.data.batches import steps, steps_per_epoch
from luthier.engine.job import Plan


def num_steps(plan: Plan, lengths: Sequence[int], *, seed: int) -> tuple[int, str]:
    """As `steps_within` the limits of a plan."""
    return steps_within(
        lengths,
        seed=seed,
        batch_size=plan.batch_size,
        epochs=plan.epochs,
        max_steps=plan.max_steps,
        max_tokens=plan.max_tokens,
    )


def steps_within(
    lengths: Sequence[int],
    *,
    seed: int,
    batch_size: int,
    epochs: float,
    max_steps: int = 0,
    max_tokens: int = 0,
) -> tuple[int, str]:
    """Updates until the first limit that is known beforehand, and the name of that limit.

    Args: lengths: tokens of each training row.
    """
    per_epoch = steps_per_epoch(len(lengths), batch_size=batch_size)
    found, why = max(1, math.ceil(epochs * per_epoch - 1e-9)), "epochs"
    if max_steps and max_steps <= found:
        found, why = max_steps, "max_steps"
    if not max_tokens or max_tokens >= epochs * sum(lengths):
        return found, why
    tokens = 0
    for item in steps(len(lengths), batch_size=batch_size, seed=seed, stop=found - 1):
        tokens += sum(lengths[row] for row in item.rows)
        if tokens >= max_tokens:  # the last update may go beyond it
            return item.step + 1, "max_tokens"
    return found, why
