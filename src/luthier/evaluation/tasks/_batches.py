"""Rows through a model in batches of like length: what the tasks of texts share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from luthier.data.rows import Row
from luthier.evaluation.tasks._scores import scores
from luthier.evaluation.tasks.label import MAX_FITTED, Tell, batches, pooled
from luthier.models.bundle import Bundle
from luthier.objectives.contract import Objective

__all__ = ["MAX_FITTED", "Tell", "batches", "outputs", "pooled", "silent"]


def outputs(
    bundle: Bundle, objective: Objective, rows: Sequence[Row], *, tell: Tell
) -> NDArray[np.float64]:
    """The one number that the model says of each row (N,)."""
    return scores(bundle, objective, rows, batches=batches, tell=tell)[:, 0]


def silent(done: int, total: int) -> None:
    """Tells nobody."""
    del done, total
