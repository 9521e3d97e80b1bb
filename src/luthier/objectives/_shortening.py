"""Objectives whose vectors may be cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class Shortening(Protocol):
    """An objective that trains the first numbers of a vector to be a vector of their own."""

    @property
    def dimensions(self) -> Sequence[int]:
        """How many numbers, for each such vector; empty: whole vectors only."""
        ...
