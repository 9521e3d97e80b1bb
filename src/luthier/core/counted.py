"""A number with its noun."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """Such as "1 row" or "1,200 rows". Args: many: where it is not `one` with an "s"."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
