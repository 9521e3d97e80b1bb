"""Options that are asked for by name: by true, by a bare value for the main one, or by settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol


class Option(Protocol):
    """What can be asked for in such a way."""

    Config: Any
    short: ClassVar[str]
    """The setting that a bare number or word stands for; empty: none."""


def settings_of(kind: type[Option], value: Any) -> dict[str, Any] | bool | None:
    """The settings that a value stands for; False: the option is off; None: it stands for none."""
    if isinstance(value, bool):
        return {} if value else False
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return {kind.short: value} if kind.short and isinstance(value, int | float | str) else None
