"""When two texts count as the same answer, and what JSON stands in one."""

from __future__ import annotations

import json
import re
from typing import Any

FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
QUOTES = ('""', "''", "``", "“”", "‘’", "«»", "„“")
"""Pairs that may stand around an answer."""


def normalised(text: str) -> str:
    """Lower case, single spaces, no pairs of quotes around it and no full stop at its end, inside
    the quotes or behind them. A text that is nothing but those stays as it is."""
    whole = " ".join(text.casefold().split())
    bare = whole.removesuffix(".").rstrip()
    while len(bare) > 1 and bare[0] + bare[-1] in QUOTES:
        bare = bare[1:-1].strip().removesuffix(".").rstrip()
    return bare or whole


def json_object(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` is, or that its only code fence holds (whatever is said around
    the fence); else None. NaN and Infinity are no JSON."""
    fenced = FENCE.findall(text)
    for candidate in (text, *(fenced if len(fenced) == 1 else ())):
        try:
            found = json.loads(candidate, parse_constant=_refused)
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, dict) else None
    return None


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def leaves(value: Any, *, path: str = "") -> dict[str, Any]:
    """Every field of nested objects by its dotted path; lists count as one field."""
    if not isinstance(value, dict) or (path and not value):
        return {path: value}
    found: dict[str, Any] = {}
    for key, item in value.items():
        found |= leaves(item, path=f"{path}.{key}" if path else str(key))
    return found


def is_same(first: Any, second: Any) -> bool:
    """Equal JSON values; texts are compared as `normalised`, true is not 1."""
    if isinstance(first, str) and isinstance(second, str):
        return normalised(first) == normalised(second)
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(is_same, first, second))
    return first == second
