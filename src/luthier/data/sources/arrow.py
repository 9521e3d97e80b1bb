"""Apache Arrow's files and streams, as pandas (Feather) and Hugging Face datasets write them."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, ClassVar

import pyarrow as pa

from luthier.core.errors import DataError
from luthier.data.content import Content
from luthier.data.sources import sources
from luthier.data.sources._cells import plain
from luthier.data.sources._features import Features
from luthier.data.sources._pictures import pictured
from luthier.data.sources.contract import Record

_FILE = b"ARROW1"
_STREAM = b"\xff\xff\xff\xff"
"""Of a stream: what its first message begins with."""


@sources.add
class Arrow:
    """Read in batches of rows as they were written; line numbers are row numbers."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"arrow", "feather", "ipc"})
    binary: ClassVar[bool] = True
    parts: ClassVar[str] = ""
    is_sure: ClassVar[bool] = False

    def accepts(self, content: Content) -> bool:
        is_stream = content.head.startswith(_STREAM) and content.suffix in self.suffixes
        return content.head.startswith(_FILE) or is_stream

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        features = _features(content)
        return _records(content, features), f"Arrow; line numbers are row numbers{features.told()}"


def _features(content: Content) -> Features:
    try:
        with _batches(content) as (schema, _):
            return Features.of(schema.metadata)
    except (pa.ArrowException, OSError):
        return Features()  # whoever walks the records says what is wrong


def _records(content: Content, features: Features) -> Iterator[tuple[int, Record]]:
    number = 0
    try:
        with _batches(content) as (_, batches):
            for record in chain.from_iterable(batch.to_pylist() for batch in batches):
                number += 1
                where = f"{content.name} line {number}"
                found = plain(pictured(record, where=where), where=where)
                yield number, features.named(found, where=where)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{content.name}, after row {number}: not a readable Arrow file ({error}).\n"
            "    It may be cut off, or of another kind: copy it again or correct its extension"
        ) from None


@contextmanager
def _batches(content: Content) -> Generator[tuple[pa.Schema, Iterable[Any]]]:
    with content.open() as file:
        if not content.head.startswith(_FILE):
            stream = pa.ipc.open_stream(file)
            yield stream.schema, stream
            return
        # such a file is read from its end; what was packed has to be there whole
        found = pa.memory_map(str(content.path)) if content.path else pa.BufferReader(file.read())
        with found, pa.ipc.open_file(found) as reader:
            batches = (reader.get_batch(index) for index in range(reader.num_record_batches))
            yield reader.schema, batches
