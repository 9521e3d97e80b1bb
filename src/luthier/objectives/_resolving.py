"""Objectives that look at the training rows before they are built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from luthier.data.rows import Row
from luthier.objectives.contract import Objective


@runtime_checkable
class Resolver(Protocol):
    """An objective whose class looks at the rows before it is built."""

    @classmethod
    def resolve(cls, config: Any, rows: Sequence[Row]) -> dict[str, tuple[Any, str]]:
        """Values for settings that are "auto", from the training rows: name -> (value, reason).

        Raises: DataError: there is nothing to learn from such rows.
        """
        ...


@runtime_checkable
class Specialist(Protocol):
    """An objective that learns more from certain rows than others of their schema."""

    @classmethod
    def suits(cls, rows: Sequence[Row]) -> str:
        """What these training rows have that it is made for, in words; empty: nothing known."""
        ...


def resolved(kind: type[Objective], config: Any, rows: Sequence[Row]) -> dict[str, tuple[Any, str]]:
    """What follows from the training rows for the settings of such an objective; {}: nothing."""
    return kind.resolve(config, rows) if isinstance(kind, Resolver) else {}
