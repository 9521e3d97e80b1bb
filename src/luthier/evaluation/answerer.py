"""A tuned model as it is asked about new rows."""

from __future__ import annotations

from dataclasses import dataclass

from luthier.models.bundle import Bundle
from luthier.objectives import Objective, View


@dataclass(frozen=True, slots=True)
class Answerer:
    """The model, and what reads its answers."""

    bundle: Bundle
    objective: Objective
    max_new_tokens: int
    """Most tokens of an answer that is written."""
    reference: View | None = None
    """What it was trained against, where it was; None: that cannot be had, or nothing was."""
