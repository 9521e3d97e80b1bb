"""When two texts count as the same answer, and what JSON stands in one."""

from __future__ import annotations

import json
import re
from typing import Any

FENCE = re.compile(r"^```(?:json)?\s*\n(.*?)\n?```$", re.DOTALL)


def normalised(text: str) -> str:
    """Lower case, single spaces, no quotes around it and no full stop at its end."""
    return " ".join(text.casefold().split()).strip("\"'` ").rstrip(".!").rstrip()


def json_object(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` is (a code fence around it is allowed), or None."""
    stripped = text.strip()
    fenced = FENCE.match(stripped)
    try:
        found = json.loads(fenced.group(1) if fenced else stripped)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


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
