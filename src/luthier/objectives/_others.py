"""Objectives whose settings name another model for a frozen role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from luthier.objectives.contract import Objective


@dataclass(frozen=True, slots=True)
class Other:
    """A model that a setting names."""

    model: str
    """Hub name, folder, .gguf file, pypi:PACKAGE or alias."""
    instead: str
    """What to do where its tokens are not those of the model that learns, as a sentence."""


@runtime_checkable
class Naming(Protocol):
    """An objective that may learn from models other than the one that is tuned.

    A model in one of its `roles` is in memory while it trains; one that is only asked (`asks`) is
    opened for that and let go of."""

    @property
    def others(self) -> Mapping[str, Other]:
        """By role, which is also the name of the setting; the model before tuning is no other."""
        ...


def others_of(objective: Objective | type[Objective]) -> Mapping[str, Other]:
    """What the settings name; nothing where there are no settings yet."""
    if isinstance(objective, type) or not isinstance(objective, Naming):
        return {}
    return objective.others


BASE = "base"
"""The value of `reference` that means the model before tuning."""


def reference_in(setting: str) -> dict[str, Other]:
    """`others` of an objective with the setting `reference`."""
    if setting == BASE:
        return {}
    instead = (
        "Use a reference of the same family, or leave objective.reference out: the model before "
        "tuning is the reference then."
    )
    return {"reference": Other(setting, instead)}
