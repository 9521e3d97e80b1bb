"""Objectives that need a head of their own on the model."""

from __future__ import annotations

from typing import ClassVar, Protocol, runtime_checkable

from luthier.objectives.contract import Objective


@runtime_checkable
class Headed(Protocol):
    """An objective whose model answers with scores that have names."""

    problem: ClassVar[str]
    """The `problem_type` that transformers knows a sequence classifier by; else empty."""

    def labels(self) -> tuple[str, ...]:
        """Names of the scores, in their order."""
        ...


def labels_of(objective: Objective) -> tuple[str, ...]:
    """Names of the scores that the model's head must have; empty where it needs no new head."""
    return objective.labels() if isinstance(objective, Headed) else ()
