"""Single values of a record, checked: texts, JSON held in strings, names of classes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from luthier.core.errors import DataError
from luthier.data.formats.contract import Unusable
from luthier.data.json_value import DECODER

_PYTHON = "\n    This is how str() writes a list in Python: write the column with json.dumps"
_MOST_LEVELS = 100
_WHOLE = re.compile(r"([+-]?\d+)\.0+")


def text_of(value: Any, *, where: str) -> str:
    """A string, or an empty one for null.

    Raises: DataError: any other kind of value.
    """
    if isinstance(value, str):
        return whole_characters(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    raise DataError(
        f"{where}: got {shown(value)} ({kind_of(value)}), expected text.\n"
        f'    Write it in quotes, as in "{str(value)[:20]}", or name another column: data.columns'
    )


def answer_of(value: Any, *, where: str) -> str:
    """A text, or a number as people write it: whole ones without a fraction.

    Raises: DataError: any other kind of value.
    """
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text_of(value, where=where)


def whole_characters(text: str) -> str:
    """`text` itself.

    Raises: Unusable: it holds half of a surrogate pair, which is no character.
    """
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Unusable("text with half a surrogate pair (\\ud83d and the like)") from None
    return text


def objects_of(value: Any, *, where: str) -> tuple[Mapping[str, Any], ...]:
    """A list of objects, also when it comes as JSON in a string; empty for null and ''."""
    if isinstance(value, str):
        if not value.strip():
            return ()
        value = _json(value, where=where)
    if value is None:
        return ()
    items: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
    found: list[Mapping[str, Any]] = []
    for index, item in enumerate(items):
        item = _json(item, where=f"{where}[{index}]") if isinstance(item, str) else item
        if not isinstance(item, Mapping):
            raise DataError(f"{where}[{index}]: got {shown(item)}, expected an object")
        check_nesting(item, where=f"{where}[{index}]")
        found.append(cast("Mapping[str, Any]", item))
    return tuple(found)


def check_nesting(value: Any, *, where: str, levels: int = _MOST_LEVELS) -> None:
    """Nothing, for an object that templates and writers can walk.

    Raises: DataError: it is nested deeper than Python's stack, less what stands on it, may hold.
    """
    if not levels:
        raise DataError(
            f"{where}: lists or objects are nested more than {_MOST_LEVELS} deep.\n"
            "    Flatten it, or delete the row"
        )
    held = value.values() if isinstance(value, Mapping) else value
    for item in cast("Iterable[Any]", held):
        if isinstance(item, Mapping | list):
            check_nesting(item, where=where, levels=levels - 1)


def unpacked(value: Any, *, where: str) -> Any:
    """A list that comes as JSON in a string, as in a cell of a CSV; anything else as it is.

    Raises: DataError: it begins like a list, but is no JSON.
    """
    if isinstance(value, str) and value.lstrip().startswith("["):
        return _json(value.strip(), where=where)
    return value


def has_key(value: Any, key: str) -> bool:
    """Whether a list holds an object with that key; also a list as text, be it JSON or not."""
    if isinstance(value, str):
        named = re.search(rf"""[{{,]\s*["']{key}["']\s*:""", value)
        return value.lstrip().startswith("[") and named is not None
    if not isinstance(value, list):
        return False
    return any(isinstance(item, Mapping) and key in item for item in cast("list[Any]", value))


def _json(text: str, *, where: str) -> Any:
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        python = _PYTHON if re.match(r"[\s\[{]+'", text) else ""
        raise DataError(
            f"{where}: got {shown(text)}, expected JSON "
            f"({error.msg} at character {error.pos + 1}).{python}"
        ) from None


def label_of(value: Any, *, where: str, missing: frozenset[str] = frozenset()) -> str:
    """The name of a class: text trimmed, whole numbers without a fraction, true and false.

    Args: missing: texts that stand for a missing one, and are no names.
    Returns: an empty string where the label is missing.
    Raises: DataError: fractions, several labels, objects. Unusable: nan, infinite, or missing.
    """
    if isinstance(value, str):
        name = whole_characters(value).strip()
        if name in missing:
            raise Unusable(f"label '{name}', as programs write a missing one")
        whole = _WHOLE.fullmatch(name)
        return whole[1] if whole else name
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _whole_number(value, where=where)
    if isinstance(value, list) and len(cast("list[Any]", value)) <= 1:
        return label_of(value[0], where=where) if value else ""
    raise DataError(
        f"{where}: got {shown(value)} ({kind_of(value)}), expected one label per row.\n"
        "    Several labels per row are learned by objective multilabel; 'classify' needs a column "
        "with one: data.columns = {label: NAME}"
    )


def _whole_number(value: float, *, where: str) -> str:
    if not math.isfinite(value):
        raise Unusable("label is not a number (nan or infinite)")
    if value.is_integer():
        return str(int(value))
    raise DataError(
        f"{where}: got {value!r}, a fraction, expected the name or number of a class.\n"
        "    Learn it as a number, objective.name = regress; or round scores to classes first, or "
        "name another column: data.columns = {label: NAME}"
    )


def shown(value: Any) -> str:
    """A short quotation of a value."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def kind_of(value: Any) -> str:
    """The kind of a JSON value, as its users call it."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return {list: "a list", dict: "an object", str: "text"}.get(type(value), type(value).__name__)
