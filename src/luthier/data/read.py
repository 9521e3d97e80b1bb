"""One file to records: unpacked, decoded, its kind recognised by extension and then by content."""

from __future__ import annotations

import codecs
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from luthier.core import files
from luthier.core.amount import open_told
from luthier.core.errors import DataError
from luthier.data.content import HEAD_BYTES, Content
from luthier.data.encoding import detect
from luthier.data.opened import Opened
from luthier.data.packed import refuse_foreign, unpack
from luthier.data.sources import sources
from luthier.data.sources.contract import Documents, Numbering, Record, Source, Untyped
from luthier.data.told import named_beside

_EXPECTED = """; expected rows.
    Write it again, a row per line such as {"text": "..."}, or name another file"""
_BLANK = "\0 \t\r\n"


def open_path(path: Path, *, name: str, encoding: str, part: str = "") -> Opened:
    """The file's records with their lines, the hash of its bytes, and how it is read.

    Its records are read while they are walked, a piece at a time.
    Args: name: as the user says it, for messages and origins. part: which sheet, table or array.
    Raises: DataError: unreadable, damaged, empty or undecodable. Walking the records raises it too,
        also where the file is no longer what it was.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(
                f"{name}: is a pipe or a device, which can be read only once; expected a file.\n"
                "    Save what comes out of it, and name that file"
            )
        before = _stamp(path)
        digest = files.sha256(path)
        found, kind, notes = _recognised(path, name=name, encoding=encoding)
    except OSError as error:
        raise _unreadable(name, error) from None
    if part and not kind.parts:
        raise DataError(f"{name}: such a file has no parts, so there is no '{part}' in it")
    records, how = kind.read(replace(found, part=part))
    kind_name = type(kind).__module__.rpartition(".")[2]
    is_document, told = isinstance(kind, Documents), list[str]()
    missing = kind.missing if isinstance(kind, Untyped) else frozenset[str]()
    is_numbered = isinstance(kind, Numbering) and kind.is_numbered(found)
    counted = "row" if is_numbered else "line"
    walked = _watched(records, path, before, name=name)
    if not is_document:
        walked, features, told = named_beside(walked, path, name=name, counted=counted)
        missing = missing.difference(*features.names.values())
    words = tuple(filter(None, (how, *told, *notes)))
    return Opened(
        name, digest, kind_name, words, walked, is_document, missing, counted, path.parent
    )


def _recognised(path: Path, *, name: str, encoding: str) -> tuple[Content, Source, tuple[str, ...]]:
    """The content, who reads it, and what was done to get at it, in words."""
    size = path.stat().st_size
    if not size:
        raise DataError(f"{name}: the file is empty (0 bytes){_EXPECTED}")
    inside, suffix, words = unpack(lambda: open_told(path, "reading"), file=name, size=size)
    with inside() as file:
        head = _first(file.read(HEAD_BYTES), name)
    content = Content(name, suffix, inside, head, None if words else path)
    kinds = [kind() for _, kind in sources.items()]
    binary = next((kind for kind in kinds if kind.binary and kind.accepts(content)), None)
    owner = next((kind for kind in kinds if suffix in kind.suffixes), None)
    if binary is None and owner is not None and owner.binary:
        binary = owner  # its reader says what is wrong with it
    if binary is not None:
        return content, binary, words
    refuse_foreign(head, file=name)
    found = detect(inside, encoding=encoding, where=name)
    decoder = codecs.getincrementaldecoder(found.codec)()
    text = decoder.decode(head[found.skipped :])
    content = replace(content, codec=found.codec, skipped=found.skipped, text=text)
    if not text.strip(_BLANK) and not any(piece.strip(_BLANK) for piece in content.pieces()):
        raise DataError(f"{name}: the file holds nothing but white space{_EXPECTED}")
    return content, _kind_of_text(content, kinds), (*words, found.note)


def _first(head: bytes, name: str) -> bytes:
    if not head:
        raise DataError(f"{name}: the file is empty inside (0 bytes){_EXPECTED}")
    return head


def _kind_of_text(content: Content, every: list[Source]) -> Source:
    kinds = [kind for kind in every if not kind.binary]
    sure = [kind for kind in kinds if kind.is_sure and kind.accepts(content)]
    if sure:
        return sure[0]
    owners = [kind for kind in kinds if content.suffix in kind.suffixes]
    found = next((kind for kind in [*owners, *kinds] if kind.accepts(content)), None)
    return found or _only(owners) or sources.get("text")()


def _only(owners: list[Source]) -> Source | None:
    """The owner of an extension that reads whatever has it; of several none does."""
    return owners[0] if len(owners) == 1 else None


def _watched(
    records: Iterator[tuple[int, Record]], path: Path, before: tuple[int, int], *, name: str
) -> Iterator[tuple[int, Record]]:
    """The records, if the file is at their end what it was at the beginning."""
    try:
        yield from records
        after = _stamp(path)
    except OSError as error:
        raise _unreadable(name, error) from None
    except UnicodeDecodeError:
        after = (-1, -1)  # all of it had been decoded before
    if after != before:
        raise DataError(
            f"{name}: was changed while it was read, so its rows may be half old and half new.\n"
            "    Wait until nothing writes it any more, and start again"
        )


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _unreadable(name: str, error: OSError) -> DataError:
    if isinstance(error, FileNotFoundError):  # it was there when it was looked for
        so = "Put it back where it was, and start again"
        return DataError(f"{name}: vanished while it was read.\n    {so}")
    said = (error.strerror or str(error)).lower()
    return DataError(f"{name}: cannot be read ({said}).\n    Give a file that you may read")
