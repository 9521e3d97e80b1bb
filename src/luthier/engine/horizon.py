"""How many updates a run takes: a pure function of the plan and the rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from luthier.data.batches import steps, steps_per_epoch
from luthier.engine.job import Plan


def num_steps(plan: Plan, lengths: Sequence[int], *, seed: int) -> tuple[int, str]:
    """Updates until the first limit that is known beforehand, and the name of that limit.

    Args: lengths: tokens of each training row.
    """
    per_epoch = steps_per_epoch(len(lengths), batch_size=plan.batch_size)
    found, why = max(1, math.ceil(plan.epochs * per_epoch - 1e-9)), "epochs"
    if plan.max_steps and plan.max_steps < found:
        found, why = plan.max_steps, "max_steps"
    if not plan.max_tokens or plan.max_tokens >= plan.epochs * sum(lengths):
        return found, why
    by_tokens = _steps_for_tokens(plan, lengths, seed=seed, at_most=found)
    return (by_tokens, "max_tokens") if by_tokens < found else (found, why)


def _steps_for_tokens(plan: Plan, lengths: Sequence[int], *, seed: int, at_most: int) -> int:
    """Updates until `max_tokens` are reached; the last one may go beyond it."""
    tokens = 0
    for item in steps(len(lengths), batch_size=plan.batch_size, seed=seed, stop=at_most):
        tokens += sum(lengths[row] for row in item.rows)
        if tokens >= plan.max_tokens:
            return item.step + 1
    return at_most
