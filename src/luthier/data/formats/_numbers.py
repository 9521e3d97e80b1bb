"""Numbers to be learned, whatever they were written as."""

from __future__ import annotations

import math
from typing import Any

from luthier.core.errors import DataError
from luthier.data.formats._values import kind_of, shown
from luthier.data.formats.contract import Unusable


def number_of(value: Any, *, where: str) -> float:
    """A finite number; true is 1.

    Raises: DataError: something else. Unusable: there is none, or it is not finite.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        raise Unusable("no score")
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise DataError(
            f"{where}: got {shown(value)} ({kind_of(value)}), expected a number such as 3.5.\n"
            "    Name another column: data.columns = {score: NAME}"
        ) from None
    if not math.isfinite(found):
        raise Unusable("the score is not finite")
    return found


def share_of_numbers(values: list[Any]) -> float:
    """How many of those that are there can be read as numbers; 0 where there are none."""
    filled = [value for value in values if value is not None and str(value).strip()]
    return sum(map(_is_number, filled)) / max(1, len(filled))


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
