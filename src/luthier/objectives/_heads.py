"""Objectives that need a head of their own on the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from luthier.data.features import Features
from luthier.objectives.contract import Objective


@runtime_checkable
class Headed(Protocol):
    """An objective whose model answers with scores that have names."""

    problem: ClassVar[str]
    """The `problem_type` that transformers knows a sequence classifier by; else empty."""

    def labels(self) -> tuple[str, ...]:
        """Names of the scores, in their order."""
        ...


@runtime_checkable
class Beginner(Protocol):
    """An objective that says what a new head is to know of how often labels occur."""

    def beginning(self, features: Sequence[Features]) -> list[float]:
        """Scores that the head gives to every text before its first update, from training rows."""
        ...


def log_shares(counts_C: NDArray[np.float64]) -> list[float]:
    """Scores (C,) whose softmax are the shares of the counts, half a row added to each class; their
    mean is 0."""
    logs_C = np.log(counts_C + 0.5)
    return (logs_C - logs_C.mean()).tolist()


def labels_of(objective: Objective) -> tuple[str, ...]:
    """Names of the scores that the model's head must have; empty where it needs no new head."""
    return objective.labels() if isinstance(objective, Headed) else ()
