"""Rows to files that are read as the same rows: what cleaning, splitting and augmenting leave."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from luthier.core import files
from luthier.core.errors import DataError
from luthier.data.formats import formats
from luthier.data.formats.contract import (
    Context,
    Record,
    Sample,
    Settling,
    Unusable,
    Writer,
)
from luthier.data.recognise import recognise
from luthier.data.rows import Row

GROUP = "group"
"""Column of a written file for what rows are kept together by."""
_SAMPLE = 100


@dataclass(frozen=True, slots=True)
class Written:
    """What a file of rows was written as."""

    settings: Mapping[str, Any]
    """Of `data`, beside `train`, with which it is read as the same rows; empty where it is
    recognised without any."""
    has_others: bool
    """Whether the other columns of the records are in it."""


def write_rows(path: Path, rows: Sequence[Row], others: Sequence[Record] = ()) -> Written:
    """The file, as JSON Lines, written wholly or not at all.

    Args: others: for each row the columns of its record that the row does not hold; none: rows
        are written alone. They are left out where they would be taken for something else.
    Raises: DataError: no format writes such rows. OSError: the disk is full.
    """
    settings, is_beside = _settings(path, rows, others)
    records = _records(rows, others if is_beside else ())
    files.write_pieces(path, (_line(record) for record in records))
    return Written(settings, is_beside)


def _line(record: Record) -> bytes:
    return (json.dumps(record, ensure_ascii=False, default=str) + "\n").encode()


def writer_of(row: Row) -> tuple[str, Writer]:
    """The format in which such rows are written, and its name. Looked up anew in each call.

    Raises: DataError: there is none.
    """
    for name, kind in formats.items():
        if kind.shape != row.shape():
            continue
        writer = kind()
        if isinstance(writer, Writer) and writer.record(row) is not None:
            return name, writer
    raise DataError(f"{row.origin}: rows of the shape '{row.shape()}' cannot be written")


def _records(rows: Sequence[Row], others: Sequence[Record]) -> Iterator[dict[str, Any]]:
    if not rows:
        return
    writer = writer_of(rows[0])[1]
    has_groups = any(_is_grouped(row) for row in rows)
    beside = iter(others)
    for row in rows:
        record = writer.record(row)
        if record is None:
            raise DataError(
                f"{row.origin}: a row of another kind than {rows[0].origin}; pictures and texts "
                "cannot be written into one file"
            )
        grouped = {GROUP: row.group if _is_grouped(row) else ""} if has_groups else {}
        more = {key: value for key, value in next(beside, {}).items() if key not in record}
        yield {**record, **more, **grouped}


def _is_grouped(row: Row) -> bool:
    """Whether the row has a group that its schema does not give it anyway."""
    return bool(row.group) and row.group not in replace(row, group="").groups()


def _settings(
    path: Path, rows: Sequence[Row], others: Sequence[Record]
) -> tuple[dict[str, Any], bool]:
    """The settings with which the first rows are read as they are, and whether that is so with the
    other columns.

    Raises: DataError: there are none.
    """
    if not rows:
        return {}, bool(others)
    name = writer_of(rows[0])[0]
    first = rows[:_SAMPLE]
    for is_beside in (True, False) if others else (False,):
        head = list(islice(_records(rows, others if is_beside else ()), _SAMPLE))
        known = formats.get(name).canonical
        columns = {key: key for key in known if any(key in record for record in head)}
        grouped = {"group_by": GROUP} if any(GROUP in record for record in head) else {}
        for given in ({}, {"format": name}, {"format": name, "columns": columns}):
            if _is_read_so(head, first, path, {**given, **grouped}):
                return {**given, **grouped}, is_beside
    raise DataError(
        f"{path}: rows written as '{name}' are not read as the same rows.\n"
        "    This is an error in Luthier, not in your data: please report it"
    )


def _is_read_so(
    head: Sequence[Record], rows: Sequence[Row], path: Path, given: Mapping[str, Any]
) -> bool:
    """Whether these settings read the records as the rows they were written from."""
    asked = {"format": given.get("format", "auto"), "columns": given.get("columns", {})}
    sample = Sample(list(dict.fromkeys(key for record in head for key in record)), head)
    try:
        kind, match = recognise(sample, file=str(path), wants="auto", **asked)
        if isinstance(kind, Settling):
            match = kind.settled(match, list(enumerate(head)))
        for record, row in zip(head, rows, strict=True):
            context = Context(row.origin, match, {}, given.get("group_by", ""))
            if not _is_same(kind.parse(record, context), row):
                return False
    except (DataError, Unusable):
        return False  # another try is made, and the last one failing is told
    return True


def _is_same(found: Row, row: Row) -> bool:
    if type(found) is not type(row) or set(found.groups()) != set(row.groups()):
        return False
    without = {"fields": {}} if hasattr(row, "fields") else {}  # they are the record itself
    return replace(found, **without).key() == replace(row, **without).key()
