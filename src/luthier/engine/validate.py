"""The mean loss of the validation rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from luthier.data.features import Features
from luthier.engine.accumulate import Measured, means, one_by_one, one_loss, roles
from luthier.engine.job import Job
from luthier.engine.relief import within_memory
from luthier.objectives import Explorer, Loss


def validate(job: Job, features: Sequence[Features], *, max_tokens: int) -> Measured:
    """Means over `features` without dropout and without gradient; the model trains again after.

    Raises: OutOfMemory: of one of the micro-batches.
    """
    model = job.bundle.model
    was_training = model.training
    model.eval()
    losses: list[Loss] = []
    try:
        with torch.no_grad():
            if isinstance(job.objective, Explorer):
                return means([job.objective.assess(roles(job), features)])
            for number, part in enumerate(one_by_one(job, features, max_tokens=max_tokens)):
                run = partial(one_loss, job, part, step=-1, number=number)
                losses.append(within_memory(run, part))
            return means(losses)
    finally:
        model.train(was_training)
