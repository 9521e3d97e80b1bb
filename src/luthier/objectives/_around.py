"""What an objective may do with the model before its first update and after its last.

Whoever holds the loop finds out by asking whether the objective is one of these, never by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from luthier.data.features import Features
from luthier.models.bundle import Bundle
from luthier.objectives.contract import Roles


@runtime_checkable
class Gatherer(Protocol):
    """An objective that makes its training rows richer by looking at the model before training."""

    @property
    def gathers(self) -> bool:
        """Whether its settings ask for it."""
        ...

    def gather(self, models: Roles, features: Sequence[Features]) -> list[Features]:
        """As many rows, in the same order; a pure function of the rows and the frozen model."""
        ...


@runtime_checkable
class Finisher(Protocol):
    """An objective part of whose result is not learned by gradient."""

    def finish(self, policy: Bundle, features: Sequence[Features]) -> str:
        """Put it into `policy` (its `vectors`), from the training rows and the trained model.

        Called before the result is saved; a pure function of rows and weights, so that it may be
        repeated. Returns: what was done, in a sentence.
        """
        ...


@runtime_checkable
class Adjuster(Protocol):
    """An objective with a setting that is chosen once the model is trained."""

    adjusts: ClassVar[str]
    """Its name; until then it has a value that will do."""

    def adjust(self, policy: Bundle, features: Sequence[Features]) -> tuple[Any, str]:
        """A value with its reason, from validation rows and the trained model.

        Asked where the setting was left at "auto"; the objective takes the value over itself.
        """
        ...


@runtime_checkable
class Arranger(Protocol):
    """An objective that learns from other units than rows: several joined, or one taken apart.

    Evaluation and prediction see rows as they stand in the file."""

    @property
    def usual_batch(self) -> int:
        """Units of an update where the recipe leaves it open."""
        ...

    def idle(self, features: Sequence[Features]) -> tuple[list[int], str]:
        """Places of rows that are part of no unit, and the reason."""
        ...

    def arranged(self, features: Sequence[Features]) -> list[Features]:
        """The rows that are left as units; `Features.row` is the first row of each."""
        ...
