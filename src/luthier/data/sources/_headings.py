"""Whether the first row of a table names its columns, and how they are then called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from luthier.core.errors import DataError
from luthier.data.columns import canonical
from luthier.data.headings import known

_LONGEST_HEADING = 40


def is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row holds a known name, or short, distinct words that do not come again in
    their column."""
    first = [cell.strip() for cell in rows[0]]
    if any(canonical(cell) in known() for cell in first):
        return True
    filled = [cell for cell in first if cell]
    if len(filled) < len(first) or len(set(filled)) < len(filled):
        return False
    if any(_is_number(cell) or len(cell) > _LONGEST_HEADING for cell in filled):
        return False
    columns = [{row[index] for row in rows[1:] if index < len(row)} for index in range(len(first))]
    return not any(cell in column for cell, column in zip(first, columns))


def names_in(cells: Sequence[str], *, where: str) -> list[str]:
    """The names of a header; columns without one are numbered.

    Raises: DataError: one stands there twice.
    """
    names = [cell.strip() or f"column_{index}" for index, cell in enumerate(cells, start=1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"{where}: the header names column '{twice[0]}' more than once.\n    Rename one of them"
        )
    return names


def numbered(width: int) -> list[str]:
    """Names of columns that have none."""
    return [f"column_{index}" for index in range(1, width + 1)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
