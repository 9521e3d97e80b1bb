"""Rows that are to be predicted, from a file or at hand: answers and labels may be missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from luthier.core.errors import DataError
from luthier.data.find import find_one
from luthier.data.ledger import Ledger
from luthier.data.opened import Opened
from luthier.data.parse import Parsed, Reading, parse
from luthier.data.rows import Row
from luthier.data.sources.contract import Record
from luthier.recipe.schema import DataSection

_Lines = Sequence[tuple[int, Record]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a file holds that is to be predicted: a row for every record, in order."""

    records: list[Record]
    rows: list[Row]
    notes: list[str]
    """What was taken for what and why."""


def read_asked(
    path: str | Path, section: DataSection | None = None, *, wants: str = "auto"
) -> Asked:
    """The rows of a file.

    They are read as the run read its own, by format and columns. Where that does not fit, rows with
    the same columns are recognised for themselves, as any file is.
    Args: section: its columns, roles, format and encoding are used; its files are not.
        wants: "auto", or the shape that the run learned from: "chat", "text" or "labeled".
    Raises: DataError: the file cannot be read, or a row holds nothing to predict from.
    """
    encoding = section.encoding if section is not None else "auto"
    opened = find_one(str(path), encoding=encoding)
    lines = list(opened.records)
    rows, notes = _rows(opened, lines, _reading(section, wants))
    return Asked([record for _, record in lines], rows, notes)


def read_rows(
    path: str | Path, section: DataSection | None = None, *, wants: str = "auto"
) -> list[Row]:
    """The rows alone.

    Raises: DataError: as `read_asked`.
    """
    return read_asked(path, section, wants=wants).rows


def rows_of(
    records: Iterable[Mapping[str, Any]], section: DataSection | None = None, *, wants: str = "auto"
) -> list[Row]:
    """The same for records at hand, such as `{"text": "Where is my order?"}`.

    Raises: DataError: as `read_asked`; a row is named by its number, from 1.
    """
    if isinstance(records, str | Mapping):
        raise DataError("rows: got a single one, expected a list of rows: predict([row])")
    lines = [(number, _record(row, number)) for number, row in enumerate(records, start=1)]
    if not lines:
        return []
    opened = Opened("rows", "", "python", ("records",), iter(lines))
    return _rows(opened, lines, _reading(section, wants))[0]


def _record(row: Any, number: int) -> Record:
    if isinstance(row, Mapping):
        return dict(row)
    text = row if isinstance(row, str) else "..."
    raise DataError(
        f"rows line {number}: got {row!r}, expected an object with the columns of the training "
        f"file.\n    Name the column it belongs to, as in {{'text': {text[:40]!r}}}"
    )


def _reading(section: DataSection | None, wants: str) -> Reading:
    if section is None:
        return Reading(wants=wants, answered=False)
    return Reading.of(section, wants, answered=False)


def _rows(opened: Opened, lines: _Lines, reading: Reading) -> tuple[list[Row], list[str]]:
    try:
        parsed = _parsed(opened, lines, reading)
    except DataError:
        return _each_kind(opened, lines, reading)
    return list(parsed.rows), parsed.description


def _each_kind(opened: Opened, lines: _Lines, reading: Reading) -> tuple[list[Row], list[str]]:
    """The rows, those with the same columns recognised together."""
    kinds: dict[frozenset[str], list[int]] = {}
    for index, (_, record) in enumerate(lines):
        filled = frozenset(key for key, value in record.items() if value is not None)
        kinds.setdefault(filled, []).append(index)
    found: dict[int, Row] = {}
    notes = [f"{opened.name}: {', '.join(opened.notes)}"]
    for indices in kinds.values():
        parsed = _recognised(opened, [lines[index] for index in indices], reading)
        found |= dict(zip(indices, parsed.rows, strict=True))
        more = f" and {len(indices) - 1} more" if len(indices) > 1 else ""
        notes += [f"{line} (line {lines[indices[0]][0]}{more})" for line in parsed.description[1:]]
    return [found[index] for index in range(len(lines))], notes


def _recognised(opened: Opened, lines: _Lines, reading: Reading) -> Parsed:
    """As the run reads its rows, or else as any file is read.

    Raises: DataError: neither fits; with what is wrong for the first.
    """
    try:
        return _parsed(opened, lines, reading)
    except DataError:
        try:
            return _parsed(opened, lines, replace(reading, format="auto", columns={}))
        except DataError:
            pass
        raise


def _parsed(opened: Opened, lines: _Lines, reading: Reading) -> Parsed:
    ledger = Ledger()
    parsed = parse(replace(opened, records=iter(lines)), reading, ledger)
    if ledger.dropped:
        reason, entry = next(iter(ledger.dropped.items()))
        raise DataError(
            f"{entry.examples[0]}: {reason}; there is nothing to predict from.\n"
            "    Every row gets an answer, so fill the row or delete it"
        )
    return parsed
