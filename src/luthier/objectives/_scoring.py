"""Objectives whose rows are answered by numbers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from luthier.data.features import Batch
from luthier.models.bundle import Bundle


@runtime_checkable
class Scorer(Protocol):
    """An objective that reads numbers off the model for each row; others are answered in writing,
    or by what the trunk says of tokens and texts."""

    def outputs(self, policy: Bundle, batch: Batch) -> Tensor:
        """What the model says of each row, (B, C) float32: scores of classes, a number, a margin.

        Evaluation and prediction read it. Rows with fewer scores than others end in minus infinity.
        """
        ...
