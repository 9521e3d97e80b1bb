"""How many columns a row may have."""

from __future__ import annotations

from collections.abc import Iterator

from luthier.core.errors import DataError
from luthier.data.sources.contract import Record

MOST_COLUMNS = 16_384


def narrow(
    records: Iterator[tuple[int, Record]], *, file: str, counted: str
) -> Iterator[tuple[int, Record]]:
    """The records as they are.

    Raises: DataError: one has more columns than any table.
    """
    for line, record in records:
        if len(record) > MOST_COLUMNS:
            raise too_wide(file, line, len(record), counted=counted)
        yield line, record


def too_wide(file: str, line: int, columns: int, *, counted: str = "line") -> DataError:
    """The message for a line that is no row."""
    return DataError(
        f"{file} {counted} {line}: has {columns:,} columns, expected at most {MOST_COLUMNS:,}.\n"
        "    Put line ends between the rows, or write long vectors as a list in one column"
    )
