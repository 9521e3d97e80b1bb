"""The resolved recipe: every value with where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Setting:
    key: str
    value: str
    origin: str
    kind: str
    """user, auto, alias or default."""


def settings_of(resolved: Mapping[str, Any] | None) -> list[Setting]:
    """One line per value, in the order of the recipe."""
    if not resolved:
        return []
    origins: Mapping[str, str] = resolved.get("origins") or {}
    return [
        Setting(key, _text(value), origin, _kind(origin))
        for key, value in _flat(resolved.get("recipe") or {}, "", origins)
        for origin in [str(origins.get(key, DEFAULT))]
    ]


def _flat(values: Mapping[str, Any], prefix: str, origins: Mapping[str, str]) -> list[Any]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and value and key not in origins:
            found += _flat(value, f"{key}.", origins)
        else:
            found.append((key, value))
    return found


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value if value else '""'
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("\n...\n").strip()


def _kind(origin: str) -> str:
    word = origin.split(":")[0].split(" ")[0]
    return word if word in ("user", "auto", "alias") else DEFAULT
