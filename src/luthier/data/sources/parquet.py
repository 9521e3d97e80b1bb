"""Apache Parquet; the line of a record is its row number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from luthier.core.errors import DataError
from luthier.data.sources import sources
from luthier.data.sources.contract import Content, Record

_MAGIC = b"PAR1"


@sources.add
class Parquet:
    """Read in batches of rows; nested columns become lists and objects."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"parquet", "pq"})
    binary: ClassVar[bool] = True
    is_sure: ClassVar[bool] = False

    def accepts(self, content: Content) -> bool:
        return content.data[:4] == _MAGIC

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        try:
            file = pq.ParquetFile(pa.BufferReader(content.data))
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{content.name}: not a readable Parquet file ({error}).\n"
                "    It may be cut off, or of another kind: copy it again or correct its extension"
            ) from None
        return _records(content.name, file), "Parquet; line numbers are row numbers"


def _records(name: str, file: pq.ParquetFile) -> Iterator[tuple[int, Record]]:
    number = 0
    try:
        for batch in file.iter_batches(batch_size=1024):
            for record in batch.to_pylist():
                number += 1
                yield number, record
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}, after row {number}: cannot be read further ({error})") from None
