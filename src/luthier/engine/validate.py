"""The mean loss of the validation rows."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from luthier.data.features import Features
from luthier.engine.accumulate import Measured, means, one_loss, split
from luthier.engine.job import Job


def validate(job: Job, features: Sequence[Features], *, max_tokens: int) -> Measured:
    """Means over `features` without dropout and without gradient; the model trains again after."""
    model = job.bundle.model
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            parts = split(features, max_tokens=max_tokens)
            return means([one_loss(job, part, step=-1, number=i) for i, part in enumerate(parts)])
    finally:
        model.train(was_training)
