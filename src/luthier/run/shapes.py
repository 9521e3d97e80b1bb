"""What the documents of a run must look like, so that whoever reads them need not ask."""

from __future__ import annotations

from types import NoneType
from typing import Any

from luthier.core.errors import RunError

ANY = "*"
"""A key that stands for every key there is."""
REPAIR = "The file was changed or damaged: restore it, or delete it to go on without it."
_NUMBER = (int, float, NoneType)
_SCORES = {ANY: _NUMBER}

ANYTHING: dict[str, Any] = {}
"""Keys with values, whatever they are."""
RESOLVED = {"recipe?": ANYTHING, "origins?": ANYTHING}
EVALUATION = {
    "arms": {ANY: {ANY: {"value": _NUMBER}}},
    "verdict": {"outcome": str, "metric": str},
    "details?": {"tested?": {"files": [{"name": str, "rows": int}]}},
}
PREDICTIONS = [
    {"key?": str, "target?": str, "answers?": {ANY: {"scores?": _SCORES, "weight?": _SCORES}}}
]
SAMPLES = [{"pieces?": [ANYTHING]}]
SPLITS = {ANY: [{"key": str}]}
METRICS = [{"event?": str}]
_WORDS = {dict: "keys with values", list: "a list", str: "text", _NUMBER: "a number"}


def check(document: Any, shape: Any, source: object) -> None:
    """Nothing, when `document` holds at least what `shape` asks for.

    Args: shape: a mapping of keys to shapes, a list of one shape, or types. A key with a question
        mark may be absent; keys that are not named may be there.
    Raises: RunError: naming the place in `source`.
    """
    if problem := _misfit(document, shape, ""):
        raise RunError(f"run {source}: {problem}. {REPAIR}")


def _misfit(value: Any, shape: Any, place: str) -> str:
    kind = type(shape) if isinstance(shape, dict | list) else shape
    if not isinstance(value, kind):
        where = f"{place.lstrip('.')}: " if place else ""
        return f"{where}got {_shown(value)}, expected {_WORDS[kind]}"
    if isinstance(shape, list):
        found = (_misfit(item, shape[0], f"{place}[{at}]") for at, item in enumerate(value))
        return next(filter(None, found), "")
    if isinstance(shape, dict):
        return next(filter(None, (_inside(value, key, shape[key], place) for key in shape)), "")
    return ""


def _inside(value: dict[str, Any], key: str, shape: Any, place: str) -> str:
    if key == ANY:
        found = (_misfit(item, shape, f"{place}.{name}") for name, item in value.items())
        return next(filter(None, found), "")
    name = key.removesuffix("?")
    if name in value:
        return _misfit(value[name], shape, f"{place}.{name}")
    return "" if name != key else f"{place}.{name}".lstrip(".") + ": missing"


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return _WORDS[type(value)]
    return "nothing" if value is None else repr(value)[:40]
