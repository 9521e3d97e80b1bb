"""Objectives that cut long texts into windows themselves."""

from __future__ import annotations

from typing import ClassVar, Protocol, runtime_checkable


@runtime_checkable
class Windowed(Protocol):
    """An objective whose windows must not be cut: what stands in them has its place there."""

    windowed_by: ClassVar[str]
    """Its setting that says how many tokens a window has at most."""
