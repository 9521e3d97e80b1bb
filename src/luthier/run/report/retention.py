"""What the model forgot: the same texts and prompts before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from luthier.run import figures


@dataclass(frozen=True, slots=True)
class Kept:
    """One measure before and after; `words` holds whatever else was said about it."""

    name: str
    base: str
    tuned: str
    change: str
    words: str


def retention_of(evaluation: Mapping[str, Any] | None) -> list[Kept]:
    """One line per measure; empty when retention was not measured."""
    found: Mapping[str, Any] = (evaluation or {}).get("retention") or {}
    lines: list[Kept] = []
    loose: dict[str, Any] = {}
    for name, item in found.items():
        if isinstance(item, Mapping) and ("base" in item or "tuned" in item):
            known = ("base", "tuned", "difference")
            rest = {key: value for key, value in item.items() if key not in known}
            lines.append(
                Kept(
                    figures.of_name(str(name)),
                    _text(name, item.get("base")),
                    _text(name, item.get("tuned")),
                    _text(name, item.get("difference")),
                    _words(rest),
                )
            )
        elif isinstance(item, str | int | float | Mapping):
            loose[name] = item
    return lines + [
        Kept(figures.of_name(str(name)), "–", _text(name, item), "–", "")
        for name, item in loose.items()
    ]


def _words(rest: Mapping[str, Any]) -> str:
    if "words" in rest:
        return str(rest["words"])
    return "; ".join(f"{figures.of_name(key)} {_text(key, value)}" for key, value in rest.items())


def _text(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        if "value" in value:
            return figures.of_estimate(value)
        return "; ".join(f"{figures.of_name(k)} {_text(k, v)}" for k, v in value.items())
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no"}.get(bool(value), "–") if value is not None else "–"
    if isinstance(value, int):
        return figures.of_count(value)
    return figures.of_metric(name, value) if isinstance(value, float) else str(value)
