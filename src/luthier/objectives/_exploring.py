"""Objectives that learn from what the model itself says: what they are asked for besides a loss.

Before an update such an objective turns prompts into experience; whoever holds the loop finds out
by asking whether the objective is an `Explorer`, and never by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import nn

from luthier.data.features import Features
from luthier.generation import Completion
from luthier.graders import Lender, Review, Score
from luthier.models.bundle import Bundle
from luthier.objectives.contract import Loss, Objective, Roles


@dataclass(frozen=True, slots=True)
class Experience:
    """What prompts were made into."""

    features: list[Features]
    """Rows for `collate` and `loss`; `Features.row` is that of the prompt."""
    records: list[dict[str, Any]]
    """One per completion, as JSON values: what was said and how it scored."""
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])


@runtime_checkable
class Explorer(Protocol):
    """An objective whose training rows are prompts."""

    @property
    def updates_per_exploration(self) -> int:
        """So many updates are made with the same experience."""
        ...

    def companion(self, policy: Bundle) -> nn.Module | None:
        """Parameters of its own that are trained beside the model and kept in checkpoints, but are
        no part of the result; float32, on the device of the model. Found in `Roles.companion`."""
        ...

    def imagine(self, features: Features, *, context: int) -> list[Features]:
        """The most that exploring one prompt can give: what memory must hold.

        Args: context: tokens that a prompt and its completion may take together.
        """
        ...

    def explore(
        self, models: Roles, features: Sequence[Features], *, step: int, seed: int
    ) -> Experience:
        """Completions of these prompts, scored; a pure function of models, prompts, step and seed.

        Raises: LuthierError: a score is not a number, or the grader is broken.
        """
        ...

    def assess(self, models: Roles, features: Sequence[Features]) -> Loss:
        """Minus the scores of greedy answers, and their number: the loss of a validation."""
        ...

    def vet(self, features: Sequence[Features], *, context: int) -> list[str]:
        """What a user should know before these prompts are answered and graded; no model is open.

        Args: context: tokens that a prompt and its completion may take together.
        Raises: LuthierError: the grader cannot be used on these rows, or no prompt leaves room.
        """
        ...

    def try_out(self, models: Roles, features: Sequence[Features], *, seed: int) -> Review:
        """What the grader makes of the untrained model's answers.

        Raises: LuthierError: the grader is broken.
        """
        ...

    def answers(
        self, policy: Bundle, features: Sequence[Features]
    ) -> list[tuple[Completion, Score]]:
        """The greedy answer to each prompt, and what the grader gives for it."""
        ...

    def files(self) -> list[Path]:
        """Files of the grader's own: part of what went into the run."""
        ...

    def lend(self, lender: Lender) -> None:
        """Give the grader a way to open reward models."""
        ...

    def close(self) -> None:
        """Let go of the grader's processes and models."""
        ...


def updates_per_exploration(objective: Objective) -> int:
    """Updates that are made with the answers to one batch of prompts; 0 for objectives that learn
    from rows as they are prepared."""
    return objective.updates_per_exploration if isinstance(objective, Explorer) else 0
