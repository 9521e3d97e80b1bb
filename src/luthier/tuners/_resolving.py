"""Tuners some of whose settings follow from others."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from luthier.tuners.contract import Tuner


@runtime_checkable
class Resolver(Protocol):
    """A tuner whose class looks at its settings before it is built."""

    @classmethod
    def resolve(cls, config: Any) -> dict[str, tuple[Any, str]]:
        """Values for settings that are "auto": name -> (value, reason)."""
        ...


def resolved(kind: type[Tuner], config: Any) -> dict[str, tuple[Any, str]]:
    """What follows for the settings of such a tuner; {}: nothing."""
    return kind.resolve(config) if isinstance(kind, Resolver) else {}
