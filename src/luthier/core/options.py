"""Options that are asked for by name: by true, by a bare value for the main one, or by settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, TypeVar

from luthier.core.config import build
from luthier.core.errors import RecipeError
from luthier.core.registry import Registry

T = TypeVar("T")


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


def expected_of(kind: type[Option]) -> str:
    """What can be said of an option, in words."""
    number = f"a value ({kind.short}), " if kind.short else ""
    names = ", ".join(kind.Config.model_fields)
    return f"{number}true, false, or settings: {names}" if names else f"{number}true or false"


def options_of(registry: Registry[type[T]], said: Mapping[str, Any], *, where: str) -> dict[str, T]:
    """Those of a registry that are asked for, by name, each made with its settings.

    Args: where: the place of `said` in a recipe.
    Raises: RecipeError: an unknown name or setting, or a value that stands for none.
    """
    found: dict[str, T] = {}
    for name, value in said.items():
        kind: Any = registry.get(name)
        settings = settings_of(kind, value)
        if settings is None:
            raise RecipeError(
                f"recipe {where}.{name}: got {value!r:.60}, expected {expected_of(kind)}"
            )
        if isinstance(settings, dict):
            found[name] = kind(build(kind.Config, settings, where=f"{where}.{name}"))
    return found
