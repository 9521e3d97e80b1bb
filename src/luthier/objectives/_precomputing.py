"""Objectives that ask frozen models about the rows, once, before the first update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from numpy.typing import NDArray

from luthier.data.features import Batch
from luthier.objectives._sparing import roles_of
from luthier.objectives.contract import Objective, Roles


@runtime_checkable
class Precomputer(Protocol):
    """An objective that learns from what a frozen model says of its rows."""

    asks: ClassVar[frozenset[str]]
    """Frozen roles that its `constants` ask: they need not be there while it trains."""

    def constants(self, models: Roles, batch: Batch) -> Mapping[str, Sequence[NDArray[Any]]]:
        """What the frozen roles say of each row, by name.

        Found from then on in `Features.arrays`, for `collate`. Called without gradient, with the
        model in evaluation mode. Returns: for every name as many arrays as the batch has rows.
        """
        ...


def needed(objective: Objective | type[Objective]) -> frozenset[str]:
    """Every role it needs at some time: while it trains, or before."""
    asked = objective.asks if isinstance(objective, Precomputer) else frozenset[str]()
    return roles_of(objective) | asked
