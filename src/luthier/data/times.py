"""Dates, times and numbers in a column, as numbers by which rows are put in order."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from luthier.core.errors import DataError


def time_of(value: Any, *, where: str) -> float:
    """Seconds since 1970 of a date or time in ISO 8601 (UTC where it names no zone); a number as
    it is.

    Raises: DataError: it is neither.
    """
    try:
        if isinstance(value, datetime):
            return _seconds(value)
        return _read("" if value is None or isinstance(value, bool) else str(value).strip())
    except ValueError:
        raise DataError(
            f"{where}: got {value!r:.60}, expected a date or time such as 2026-03-01 or "
            "2026-03-01T12:30:00Z, or a number.\n"
            "    Correct it, or name another column: data.time_by"
        ) from None


def _read(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return _seconds(datetime.fromisoformat(text))
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _seconds(moment: datetime) -> float:
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return zoned.timestamp()
