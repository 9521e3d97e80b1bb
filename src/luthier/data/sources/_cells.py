"""Cells of tables: typed ones as what JSON knows (times as ISO text), and where a row ends."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from luthier.core.errors import DataError

_TIMES = (datetime.date, datetime.time)


def plain(value: Any, *, where: str) -> Any:
    """The value, and all in it, as text, number, list, object or null.

    Raises: DataError: bytes that are no text, or a kind that has no text.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item, where=where) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, where=where) for item in value]
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, _TIMES):
        return value.isoformat(" ") if isinstance(value, datetime.datetime) else value.isoformat()
    if isinstance(value, Decimal):
        is_whole = value.is_finite() and value == value.to_integral_value()
        return int(value) if is_whole else float(value)
    if isinstance(value, datetime.timedelta | uuid.UUID):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _decoded(bytes(value), where=where)
    raise DataError(f"{where}: got a {type(value).__name__}, expected text or a number")


def trimmed(cells: Sequence[str]) -> list[str]:
    """A row without the empty cells at its end."""
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return list(cells[:end])


def _decoded(data: bytes, *, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise DataError(
            f"{where}: got {len(data)} bytes that are no text, expected text or a number.\n"
            "    Leave the column out, or write what it holds to files and name these"
        ) from None
