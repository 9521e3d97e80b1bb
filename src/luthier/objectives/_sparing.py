"""Objectives whose settings decide which models their loss looks at."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from luthier.objectives.contract import Objective


@runtime_checkable
class Sparing(Protocol):
    """An objective that, set so, needs fewer models than its `roles` name."""

    @property
    def idle_roles(self) -> frozenset[str]:
        """Roles that nobody looks at with these settings."""
        ...


def roles_of(objective: Objective | type[Objective]) -> frozenset[str]:
    """Models its loss looks at; where there are no settings yet, all it may look at."""
    if isinstance(objective, type) or not isinstance(objective, Sparing):
        return objective.roles
    return objective.roles - objective.idle_roles
