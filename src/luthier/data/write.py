"""Rows to files that are read as the same rows: what cleaning, splitting and augmenting leave."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, repeat
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
from luthier.data.picture_copies import keep, named_from
from luthier.data.recognise import recognise
from luthier.data.rows import Labeled, Row

GROUP = "group"
"""Column of a written file for what rows are kept together by."""
PICTURE = "picture"
"""Column of a written file that names one."""
_SAMPLE = 100
_NONE: Record = {}


@dataclass(frozen=True, slots=True)
class Written:
    """What a file of rows was written as."""

    settings: Mapping[str, Any]
    """Of `data`, beside `train`, with which it is read as the same rows; empty where it is
    recognised without any."""
    has_others: bool
    """Whether the other columns of the records are in it."""
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])
    """Other columns that are called as one which is written, and what they are called in it."""

    def told(self) -> list[str]:
        """What a user should know of it, a line for each."""
        return [
            f"column '{own}' of the files is '{name}' in what is written, "
            f"where '{own}' is of the rows"
            for own, name in self.renamed.items()
        ]


def write_rows(path: Path, rows: Sequence[Row], others: Sequence[Record] = ()) -> Written:
    """The file, as JSON Lines, written wholly or not at all, with the pictures of the cache folder
    beside it.

    Args: others: for each row the columns of its record that the row does not hold; none: rows
        are written alone. They are left out where they would be taken for something else, and have
        another name where a column that is written has theirs.
    Raises: DataError: no format writes such rows. OSError: the disk is full.
    """
    has_groups = any(map(_is_grouped, rows))
    settings, is_beside = _settings(path, rows, others, has_groups=has_groups)
    renamed: dict[str, str] = {}
    beside = others if is_beside else ()
    records = _records(path, rows, beside, renamed, has_groups=has_groups)
    files.write_pieces(path, (_line(record) for record in records))
    keep(path.parent)
    return Written(settings, is_beside, renamed)


def own_columns(
    record: Record, written: Collection[str], renamed: dict[str, str]
) -> dict[str, Any]:
    """The columns under names that are not among those written: `label` as `label_own`.

    Args: renamed: gets those that have another name.
    """
    found: dict[str, Any] = {}
    for key, value in record.items():
        name = key
        while name in written or (name != key and name in record):
            name += "_own"
        if name != key:
            renamed[key] = name
        found[name] = value
    return found


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


def _records(
    path: Path,
    rows: Sequence[Row],
    others: Sequence[Record],
    renamed: dict[str, str],
    *,
    has_groups: bool,
) -> Iterator[dict[str, Any]]:
    if not rows:
        return
    writer = writer_of(rows[0])[1]
    is_added = has_groups and not _are_groups(rows, others)
    for row, other in zip(rows, others or repeat(_NONE), strict=False):
        record = writer.record(row)
        if record is None:
            raise DataError(
                f"{row.origin}: a row of another kind than {rows[0].origin}; pictures and texts "
                "cannot be written into one file"
            )
        if isinstance(row, Labeled) and row.picture:
            record |= {PICTURE: named_from(path.parent, row.picture, row.digest)}
        grouped = {GROUP: _group(row)} if is_added else {}
        fields = getattr(row, "fields", {})  # some rows hold the record that they are from
        more = {k: v for k, v in other.items() if k not in fields or record[k] != fields[k]}
        yield {**record, **own_columns(more, {*record, *grouped}, renamed), **grouped}


def _are_groups(rows: Sequence[Row], others: Sequence[Record]) -> bool:
    """Whether a column of the records that is called so holds the groups."""
    return bool(others) and all(
        GROUP in other and _group(row) == ("" if other[GROUP] is None else str(other[GROUP]))
        for row, other in zip(rows, others, strict=True)
    )


def _group(row: Row) -> str:
    return row.group if _is_grouped(row) else ""


def _is_grouped(row: Row) -> bool:
    """Whether the row has a group that its schema does not give it anyway."""
    return bool(row.group) and row.group not in replace(row, group="").groups()


def _settings(
    path: Path, rows: Sequence[Row], others: Sequence[Record], *, has_groups: bool
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
        beside = others if is_beside else ()
        head = list(islice(_records(path, rows, beside, {}, has_groups=has_groups), _SAMPLE))
        known = formats.get(name).canonical
        columns = {key: key for key in known if any(key in record for record in head)}
        grouped = {"group_by": GROUP} if has_groups else {}
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
            is_near = not Path(record.get(PICTURE, "/")).is_absolute()
            context = Context(
                row.origin, match, {}, given.get("group_by", ""),
                folder=path.parent if is_near else None,
            )  # fmt: skip
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
