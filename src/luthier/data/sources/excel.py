"""Spreadsheets (.xlsx, .xlsm, .xlsb, .xls, .ods), by python-calamine."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from luthier.core.errors import DataError, missing
from luthier.data.content import Content
from luthier.data.sources import sources
from luthier.data.sources._cells import plain, trimmed
from luthier.data.sources._headings import is_header, names_in, numbered
from luthier.data.sources._parts import beside, chosen
from luthier.data.sources.contract import EXTRA, MISSING, Record

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

_HEAD_ROWS = 200


@sources.add
class Excel:
    """The one sheet that holds rows, or the one named. Cells are texts, as in CSV, times too."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"xlsx", "xlsm", "xlsb", "xls", "ods"})
    binary: ClassVar[bool] = True
    parts: ClassVar[str] = "sheets"
    is_sure: ClassVar[bool] = False
    missing: ClassVar[frozenset[str]] = MISSING

    def accepts(self, content: Content) -> bool:
        return content.head[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0") and (
            content.suffix in self.suffixes or b"xl/" in content.head[:4096]
        )

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        filled, how = _sheet(content)
        rows = [(number, [_text(cell, content.name, number) for cell in row])
                for number, row in filled]  # fmt: skip
        head = [cells for _, cells in rows[:_HEAD_ROWS]]
        named = is_header(head)
        width = Counter(len(trimmed(cells)) for cells in head).most_common(1)[0][0]
        where = f"{content.name} line {rows[0][0]}"
        names = names_in(trimmed(head[0]), where=where) if named else numbered(width)
        how += ", first row is the header" if named else ", without a header"
        dates = sum(isinstance(cell, datetime.date) for _, row in filled for cell in row)
        how += f"; {dates} cells are dates, read such as 2024-03-01" if dates else ""
        return _records(rows[1:] if named else rows, names), how


def _sheet(content: Content) -> tuple[list[tuple[int, Sequence[Any]]], str]:
    """The rows of the one that has some.

    Raises: DataError: none or several have some, or none can be read.
    """
    try:
        from python_calamine import CalamineError, CalamineWorkbook, PasswordError
    except ImportError as error:
        raise missing("python-calamine", "excel", "Reading spreadsheets") from error
    try:
        with content.open() as file:
            book = CalamineWorkbook.from_filelike(file)
        sheets = {name: book.get_sheet_by_name(name) for name in book.sheet_names}
    except PasswordError:
        raise DataError(
            f"{content.name}: needs a password.\n    Save it without one, or save the sheet as CSV"
        ) from None
    except (CalamineError, OSError, ValueError) as error:
        raise DataError(
            f"{content.name}: not a readable spreadsheet ({error}).\n"
            "    Open it and save the sheet as CSV (UTF-8), then name that file"
        ) from None
    filled = {name: rows for name, sheet in sheets.items() if (rows := list(_filled(sheet)))}
    name = chosen(list(filled), content, "sheets")
    empty = [name for name in sheets if name not in filled]
    return filled[name], f"spreadsheet, sheet '{name}'{beside(empty)}"


def _filled(sheet: CalamineSheet) -> Iterator[tuple[int, Sequence[Any]]]:
    """Rows with something in them, and their numbers as the spreadsheet shows them."""
    first = (sheet.start or (0, 0))[0] + 1
    for number, row in enumerate(sheet.to_python(skip_empty_area=True), start=first):
        if any(cell not in ("", None) for cell in row):
            yield number, row


def _text(cell: Any, name: str, number: int) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(plain(cell, where=f"{name} line {number}"))


def _records(
    rows: Sequence[tuple[int, list[str]]], names: Sequence[str]
) -> Iterator[tuple[int, Record]]:
    for number, cells in rows:
        record: Record = dict(zip(names, cells))
        extra = trimmed(cells[len(names) :])
        yield number, record | ({EXTRA: extra} if extra else {})
