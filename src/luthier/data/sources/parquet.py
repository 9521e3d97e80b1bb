"""Apache Parquet; the line of a record is its row number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from luthier.core.errors import DataError
from luthier.data.content import Content
from luthier.data.sources import sources
from luthier.data.sources._cells import plain
from luthier.data.sources._features import Features
from luthier.data.sources._pictures import pictured
from luthier.data.sources.contract import Record

_MAGIC = b"PAR1"


@sources.add
class Parquet:
    """Read in batches of rows; nested columns become lists and objects."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"parquet", "pq"})
    binary: ClassVar[bool] = True
    parts: ClassVar[str] = ""
    is_sure: ClassVar[bool] = False

    def accepts(self, content: Content) -> bool:
        return content.head[:4] == _MAGIC

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        try:
            file = pq.ParquetFile(content.path or _in_memory(content))
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{content.name}: not a readable Parquet file ({error}).\n"
                "    It may be cut off, or of another kind: copy it again or correct its extension"
            ) from None
        features = Features.of(file.schema_arrow.metadata)
        how = f"Parquet; line numbers are row numbers{features.told()}"
        return _records(content.name, file, features), how


def _in_memory(content: Content) -> pa.BufferReader:
    """What was packed has to be there whole: such a file is read from its end."""
    with content.open() as file:
        return pa.BufferReader(file.read())


def _records(name: str, file: pq.ParquetFile, features: Features) -> Iterator[tuple[int, Record]]:
    number = 0
    try:
        for batch in file.iter_batches(batch_size=1024):
            for record in batch.to_pylist():
                number += 1
                where = f"{name} line {number}"
                found = plain(pictured(record, where=where), where=where)
                yield number, features.named(found, where=where)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}, after row {number}: cannot be read further ({error})") from None
