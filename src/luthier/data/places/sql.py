"""A query to a database: `sqlite:///tickets.db#SELECT text, label FROM tickets`, by SQLAlchemy."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luthier.core.errors import DataError, missing
from luthier.data.opened import Opened
from luthier.data.places import places
from luthier.data.places._same import is_among
from luthier.data.sources._cells import plain
from luthier.data.sources.contract import Record

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult

_URL = re.compile(r"(sqlite|postgres|postgresql|mysql|mariadb|oracle|mssql|duckdb)(\+\w+)?://")
_FILE = re.compile(r"(?:sqlite|duckdb)(?:\+\w+)?:///([^#?]+)")
_READS = re.compile(r"\s*(\(\s*)*(select|with|values|table)\b", re.IGNORECASE)
_PASSWORD = re.compile(r"(://[^:/@]*):(?!\$)[^@]*@")
_TABLE = re.compile(r"[\w.]+")
_AT_ONCE = 1000


@places.add
class Sql:
    """URL, `#`, and a query or the name of a table. Nothing is written: the transaction is one for
    reading alone where the database knows such, and is rolled back. A query without ORDER BY may
    give its rows in another order the next time; the same rows are the same data."""

    def holds(self, name: str) -> bool:
        return _URL.match(name) is not None

    def find(self, name: str, *, encoding: str) -> list[Opened]:
        del encoding
        url, query = _split(name)
        digest = _digest(_rows(url, query, told=name))
        records = _rows(url, query, told=name)
        how = f"rows of a query to {url}; line numbers are row numbers"
        return [Opened(name, digest, "sql", (how,), records)]

    def reads(self, name: str, path: Path) -> bool:
        file = _FILE.match(name)
        return file is not None and is_among(path, [Path(file[1])])

    def digest(self, name: str) -> str:
        url, query = _split(name)
        return _digest(_rows(url, query, told=name))


def _split(name: str) -> tuple[str, str]:
    url, _, query = name.partition("#")
    query = query.strip().rstrip(";")
    if _TABLE.fullmatch(query):
        query = f"SELECT * FROM {query}"
    if _PASSWORD.search(url):
        hidden = _PASSWORD.sub(r"\1:$PASSWORD@", url)
        raise DataError(
            f"{hidden}: the address holds a password, which every run would keep.\n"
            "    Put it into an environment variable, and write its name as above"
        )
    if not _READS.match(query):
        came = f"'{query[:60]}'" if query else "nothing"
        raise DataError(
            f"{url}: got {came} behind '#', expected a query that reads.\n"
            f"    Such as: {url}#SELECT text, label FROM tickets"
        )
    return url, query


def _digest(rows: Iterator[tuple[int, Record]]) -> str:
    """The same in whatever order the rows come."""
    whole = 0
    for _, record in rows:
        found = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).digest()
        whole = (whole + int.from_bytes(found)) % (1 << 256)
    return f"{whole:064x}"


def _rows(url: str, query: str, *, told: str) -> Iterator[tuple[int, Record]]:
    with _result(url, query, told=told) as result:
        columns = list(result.keys())
        twice = next((name for name in columns if columns.count(name) > 1), None)
        if twice is not None:
            raise DataError(
                f"{told}: gives column '{twice}' more than once.\n    Rename one: ... AS other_name"
            )
        for number, row in enumerate(result, start=1):
            found = dict(zip(columns, row))
            yield number, plain(found, where=f"{told} line {number}")


@contextmanager
def _result(url: str, query: str, *, told: str) -> Generator[CursorResult[Any]]:
    try:
        import sqlalchemy
        from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError
        from sqlalchemy.pool import NullPool
    except ImportError as error:
        raise missing("sqlalchemy", "sql", "Reading databases") from error
    try:
        url = os.path.expandvars(url)  # passwords
        engine = sqlalchemy.create_engine(_for_reading(url), poolclass=NullPool)
        with engine.connect() as connection:
            _forbid_writing(connection)
            streamed = connection.execution_options(stream_results=True, yield_per=_AT_ONCE)
            yield streamed.execute(sqlalchemy.text(query.replace(":", r"\:")))
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise DataError(
            f"{told}: no driver for it is installed ({error}).\n    Install one with pip"
        ) from None
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).splitlines()[0].rstrip(".")
        raise DataError(
            f"{told}: the database answers: {said}.\n    Try the query there, and correct it here"
        ) from None


def _for_reading(url: str) -> str:
    """A file that is not there would be made, and is opened for reading alone."""
    if url.startswith("sqlite:///") and "?" not in url:
        return f"sqlite:///file:{url.removeprefix('sqlite:///')}?mode=ro&uri=true"
    return url


def _forbid_writing(connection: Connection) -> None:
    commands = {
        "postgresql": "SET TRANSACTION READ ONLY",
        "mysql": "SET TRANSACTION READ ONLY",
        "mariadb": "SET TRANSACTION READ ONLY",
        "sqlite": "PRAGMA query_only = 1",
    }
    command = commands.get(connection.dialect.name)
    if command:
        connection.exec_driver_sql(command)
