"""What a task is: what rows of one schema ask of a model, and how its answers are got."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from luthier.data.rows import Row
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Frame, Outcome


class Task(Protocol):
    """Built without arguments; keeps nothing between calls. One per schema."""

    row: ClassVar[type[Row]]
    """The rows it is made of."""

    def metric(self, frame: Frame) -> tuple[str, str]:
        """Name of the metric of the verdict, and why it is that one."""
        ...

    def classes(self, train: Sequence[Row], labels: Sequence[str]) -> tuple[str, ...]:
        """Names of the classes that targets are one of; empty where there are none.

        Args: labels: those the model's head was made for.
        """
        ...

    def missing_base(self, bench: Bench) -> str:
        """Why the untrained model cannot be asked, or an empty string."""
        ...

    def base(self, bench: Bench) -> list[Outcome]:
        """What the untrained model says, one outcome per row of `bench.rows`, in order.

        Where its head was never trained, a fair opponent made of it; `bench.notes["base"]` says
        what.
        """
        ...

    def tuned(self, bench: Bench) -> list[Outcome]:
        """What the tuned model says."""
        ...

    def predictions(self, answerer: Answerer, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """One answer per new row, ready for JSON; targets that stand in the rows are not used.

        Raises: RecipeError: such rows have no answers.
        """
        ...


@runtime_checkable
class Reading(Protocol):
    """A task that has the objective say what the model's answers are."""

    reads: ClassVar[type]
    """What the objective must be for that: a protocol, such as `Scorer`."""
