"""Rows whose pictures cannot be opened, as those that were cut off while they were copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from luthier.core.amount import Amount
from luthier.core.errors import DataError
from luthier.data.rows import Labeled, Row, check_picture

_SHOWN = 3


def damaged(rows: Sequence[Row]) -> Iterator[tuple[int, str]]:
    """The place of each such row among them, and what is wrong with its picture. How many were
    opened is told.

    Raises: MissingExtra: there are pictures, and Pillow is not installed.
    """
    if not isinstance(next(iter(rows), None), Labeled):  # rows are of one schema
        return
    opening = Amount("opening pictures", len(rows), unit="pictures")
    for at, row in enumerate(rows):
        if not isinstance(row, Labeled) or not row.picture:
            continue
        try:
            check_picture(row.picture, where=str(row.origin))
        except DataError as error:
            yield at, str(error)
        opening.add(1)


def refuse_damaged(rows: Sequence[Row], split: str) -> None:
    """Nothing, where all pictures of a split can be opened.

    Raises: DataError: with the first of them, how many there are, and how to leave them out.
    """
    wrong = [why for _, why in damaged(rows)]
    if wrong:
        more = [f"and {len(wrong) - _SHOWN:,} more such pictures"] if len(wrong) > _SHOWN else []
        leave = f"Take such rows out of what data.{split} names: no row of it is left out here"
        if split == "train":
            leave = "To leave such rows out of train: data.clean.damaged_pictures=true"
        raise DataError("\n".join([*wrong[:_SHOWN], *more, f"    {leave}"]))
