"""Pictures that stand in a table as bytes: each becomes a file in Luthier's cache folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from luthier.core import cache
from luthier.core.errors import DataError
from luthier.data.sources.contract import Record

_MARKS = {b"\x89PNG\r\n": "png", b"\xff\xd8\xff": "jpg", b"GIF8": "gif", b"II*\0": "tif",
          b"MM\0*": "tif", b"RIFF": "webp"}  # fmt: skip
"""How the bytes of a picture begin -> the extension of such files."""


def pictured(record: Record, *, where: str) -> Record:
    """The record with the path of a file for each picture, be it bytes alone or `{bytes, path}` as
    Hugging Face's `datasets` writes them.

    Raises: DataError: the cache folder cannot be written.
    """
    for name, value in record.items():
        data = cast("Mapping[str, Any]", value).get("bytes") if _is_pair(value) else value
        if isinstance(data, bytes) and (suffix := _suffix(data)):
            record[name] = _kept(data, suffix, where=where)
    return record


def _is_pair(value: Any) -> bool:
    return isinstance(value, Mapping) and set(cast("Mapping[str, Any]", value)) == {"bytes", "path"}


def _suffix(data: bytes) -> str:
    found = next((suffix for mark, suffix in _MARKS.items() if data.startswith(mark)), "")
    return "" if found == "webp" and data[8:12] != b"WEBP" else found


def _kept(data: bytes, suffix: str, *, where: str) -> str:
    """The path of a file that holds the bytes; one picture is one file."""
    digest = hashlib.sha256(data).hexdigest()
    path = cache.root() / "pictures" / digest[:2] / f"{digest}.{suffix}"
    try:
        if not (path.is_file() and path.read_bytes() == data):
            _write(path, data)
    except OSError as error:
        raise DataError(
            f"{where}: its picture cannot be kept as {path} "
            f"({(error.strerror or str(error)).lower()}).\n"
            "    Make room, or name another folder: LUTHIER_CACHE"
        ) from None
    return str(path)


def _write(path: Path, data: bytes) -> None:
    """By a rename, but without waiting for the disk: that takes 4 ms for each picture, and a file
    that a crash left without its bytes is seen by them and written again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
