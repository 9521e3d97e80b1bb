"""A table of an SQLite database; for queries see the place `sql`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

from luthier.core.errors import DataError
from luthier.data.content import Content
from luthier.data.sources import sources
from luthier.data.sources._cells import plain
from luthier.data.sources._parts import chosen
from luthier.data.sources.contract import Record

_MAGIC = b"SQLite format 3\0"


@sources.add
class Sqlite:
    """Opened for reading alone; line numbers are row numbers."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"db", "sqlite", "sqlite3"})
    binary: ClassVar[bool] = True
    parts: ClassVar[str] = "tables"
    is_sure: ClassVar[bool] = False

    def accepts(self, content: Content) -> bool:
        return content.head.startswith(_MAGIC)

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        if content.path is None:
            raise DataError(f"{content.name}: a packed database; unpack it, and name the file")
        try:
            with closing(_connect(content.path)) as database:
                found = database.execute(
                    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
                    "AND name NOT LIKE 'sqlite_%' ORDER BY name"
                )
                names = [str(name) for (name,) in found]
        except sqlite3.Error as error:
            raise _unreadable(content.name, error) from None
        table = chosen(names, content, "tables")
        return _records(content, content.path, table), f"SQLite, table '{table}'"


def _records(content: Content, path: Path, table: str) -> Iterator[tuple[int, Record]]:
    quoted = table.replace('"', '""')
    try:
        with closing(_connect(path)) as database:
            rows = database.execute(f'SELECT * FROM "{quoted}"')
            columns = [column[0] for column in rows.description]
            for number, row in enumerate(rows, start=1):
                where = f"{content.name} line {number}"
                yield number, plain(dict(zip(columns, row)), where=where)
    except sqlite3.Error as error:
        raise _unreadable(content.name, error) from None


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _unreadable(name: str, error: sqlite3.Error) -> DataError:
    return DataError(f"{name}: cannot be read as an SQLite database ({error}).\n    Copy it again")
