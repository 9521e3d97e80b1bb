"""Where a training stands: everything besides tensors that continuing exactly needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

HISTORY = 64
"""Losses that the running median is taken over."""


@dataclass(slots=True)
class Progress:
    """Counted from the start of the run, over all resumes. JSON keeps floats exactly."""

    step: int = 0
    """Updates tried, taken or not: the position in the order of the rows."""
    seconds: float = 0.0
    """Of updates."""
    wall_seconds: float = 0.0
    """Of everything: updates, validations, saves, and whoever listens."""
    total_tokens: int = 0
    micro_batch_tokens: int = 0
    """As it is now: running out of memory halves it."""
    gradient_checkpointing: bool = False
    """Switched on because memory ran out."""
    history: list[float] = field(default_factory=list[float])
    """Losses of the latest updates taken."""
    first_loss: float = 0.0
    last_taken: int = 0
    last_norm: float = 0.0
    num_skipped: int = 0
    """Updates not taken in a row."""
    num_empty: int = 0
    """Updates in a row in which nothing could be learned."""
    validated_step: int = -1
    best_step: int = -1
    best_metric: float = 0.0
    """Of the best validation: see `Plan.best_by`."""
    best_loss: float = 0.0
    num_worse: int = 0
    """Validations since the best one."""

    def taken(self, loss: float, norm: float) -> None:
        """An update was applied."""
        self.step += 1
        self.history = [*self.history, loss][-HISTORY:]
        self.first_loss = self.first_loss or loss
        self.last_taken, self.last_norm = self.step, norm
        self.num_skipped = self.num_empty = 0

    def skipped(self) -> None:
        """An update was not applied; its rows are passed over."""
        self.step += 1
        self.num_skipped += 1

    def passed(self) -> None:
        """An update had nothing to learn from."""
        self.step += 1
        self.num_empty += 1

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Progress:
        """From `document()`; keys it does not know are ignored."""
        known = {item.name for item in fields(cls)}
        return cls(**{key: value for key, value in document.items() if key in known})
