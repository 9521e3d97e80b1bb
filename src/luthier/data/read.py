"""One file to records: found, decoded, its kind recognised by extension and then by content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from luthier.core.errors import DataError
from luthier.core.hints import nearest
from luthier.data import folder
from luthier.data.encoding import decode
from luthier.data.packed import refuse_packed
from luthier.data.sources import sources
from luthier.data.sources.contract import Content, Record, Source

_EXPECTED = """; expected rows.
    Write it again, a row per line such as {"text": "..."}, or name another file"""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file read once into memory; `records` can be walked once."""

    name: str
    sha256: str
    kind: str
    """Name of the source, such as "csv"."""
    notes: tuple[str, ...]
    """How it was read, in words."""
    records: Iterator[tuple[int, Record]]


def open_file(name: str, *, encoding: str) -> Opened:
    """The file's records with their lines, the hash of its bytes, and how it was read.

    Raises: DataError: missing, unreadable, empty or undecodable, or a folder without pictures.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        records, how = folder.records_in(path, name=name)
        return Opened(name, folder.digest_of(path), "folder", (how,), records)
    data = _bytes(path, name)
    content = Content(name, path.suffix.lower().lstrip("."), data)
    kinds = {kind_name: kind() for kind_name, kind in sources.items()}
    note = ""
    kind = next((k for k, s in kinds.items() if s.binary and s.accepts(content)), "")
    if not kind:
        refuse_packed(data, file=name, suffix=content.suffix)
        owner = next((s for s in kinds.values() if content.suffix in s.suffixes), None)
        if owner is not None and owner.binary:
            kind = _name_of(owner, kinds)  # its reader says what is wrong with it
        else:
            text, note = decode(data, encoding=encoding, where=name)
            if not text.strip("\0 \t\r\n"):
                raise DataError(f"{name}: the file holds nothing but white space{_EXPECTED}")
            content = replace(content, text=text)
            kind = _kind_of_text(content, kinds)
    records, how = kinds[kind].read(content)
    notes = tuple(part for part in (how, note) if part)
    return Opened(name, hashlib.sha256(data).hexdigest(), kind, notes, records)


def _bytes(path: Path, name: str) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"{name}: no such file{_near(path)}\n    Give the path of a file that exists"
        ) from None
    except OSError as error:
        raise DataError(
            f"{name}: cannot be read ({(error.strerror or str(error)).lower()}).\n"
            "    Give a file that you may read"
        ) from None
    if not data:
        raise DataError(f"{name}: the file is empty (0 bytes){_EXPECTED}")
    return data


def _near(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"; the folder {folder} does not exist either"
    guess = nearest(path.name, [entry.name for entry in folder.iterdir() if entry.is_file()])
    return f"; did you mean '{guess}'?" if guess else ""


def _kind_of_text(content: Content, kinds: dict[str, Source]) -> str:
    texts = {name: kind for name, kind in kinds.items() if not kind.binary}
    sure = [name for name, kind in texts.items() if kind.is_sure and kind.accepts(content)]
    if sure:
        return sure[0]
    owner = next((s for s in kinds.values() if content.suffix in s.suffixes), None)
    if owner is not None and owner.accepts(content):
        return _name_of(owner, kinds)
    found = [name for name, kind in texts.items() if kind.accepts(content)]
    if found:
        return found[0]
    return _name_of(owner, kinds) if owner is not None else "text"


def _name_of(source: Source, kinds: dict[str, Source]) -> str:
    return next(name for name, kind in kinds.items() if kind is source)
