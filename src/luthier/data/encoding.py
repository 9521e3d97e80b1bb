"""How bytes become text: byte order mark, UTF-8, what a page says of itself, cp1252; it is said."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from luthier.core.errors import DataError
from luthier.data.content import pieces_of
from luthier.data.mixture import mixture

Open = Callable[[], BinaryIO]
_MARKS = (  # UTF-32 before UTF-16: its little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ACCIDENTAL_SHARE = 0.05
"""cp1252 text may hold bytes that look like UTF-8; so few of them are no second encoding."""
_ODD = "truncated data"
"""Python's word for half a character at the end of UTF-16: then it is something else."""
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_DECLARED = re.compile(
    rb"<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s?=\s?[\"']?([\w.-]+)", re.I
)
"""What a web page says of itself; many that say so are UTF-8 nevertheless."""
_MOST_CONTROL = 0.05
"""Share of bytes that no text has any of."""
_MEND = (
    "    Mend that line and save the file as UTF-8, or read all of it in one encoding: "
    "data.encoding = cp1252"
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec that decodes the whole file, and how it was found."""

    codec: str
    skipped: int = 0
    """Bytes of the byte order mark before the text."""
    note: str = ""
    """In words; empty for plain UTF-8, the expected case."""


@dataclass(frozen=True, slots=True)
class _Broken:
    """The first byte that a codec cannot read."""

    at: int
    byte: int
    reason: str


def detect(open_bytes: Open, *, encoding: str, where: str) -> Encoding:
    """The encoding, tried on every byte of the file, of which a piece is held at a time.

    Args: encoding: a codec name, or "auto". where: the file, for messages.
    Raises: DataError: unknown encoding, undecodable bytes, or a mixture of UTF-8 and cp1252.
    """
    with open_bytes() as file:
        head = file.read(4096)
    if encoding != "auto":
        return _asked(open_bytes, encoding, head, where=where)
    for mark, name in _MARKS:
        if head.startswith(mark):
            _check(open_bytes, name, len(mark), where=where)
            note = f"read as {name.upper()}, said by its byte order mark"
            return Encoding(name, len(mark), note)
    wide = _wide_without_mark(head)
    broken = _broken(open_bytes, wide, 0) if wide else None
    if wide and not (broken and broken.reason == _ODD):
        _refuse(broken, open_bytes, wide, where=where)
        note = f"read as {wide.upper()}: every second byte is zero, without a byte order mark"
        return Encoding(wide, 0, note)
    broken = _broken(open_bytes, "utf-8", 0)
    if broken and len(_CONTROL.findall(head)) > _MOST_CONTROL * len(head):
        raise DataError(
            f"{where}: holds binary data of a kind that is not known; expected rows.\n"
            "    Save them as text (JSON Lines, CSV) or Parquet, and name that file"
        )
    declared = _declared(head) if broken else ""
    if declared and not _broken(open_bytes, declared, 0):
        return Encoding(declared, 0, f"read as {declared}, as the page says of itself")
    return _fall_back(open_bytes, broken, where=where) if broken else Encoding("utf-8")


def _declared(head: bytes) -> str:
    """The encoding that markup names for itself; empty where it names none that is known."""
    found = _DECLARED.search(head)
    try:
        return codecs.lookup(found[1].decode("ascii")).name if found else ""
    except LookupError:
        return ""


def _asked(open_bytes: Open, encoding: str, head: bytes, *, where: str) -> Encoding:
    try:
        codecs.lookup(encoding)
        mark = "\ufeff".encode(encoding)
    except UnicodeEncodeError:  # has no such character
        mark = b""
    except LookupError:
        raise DataError(
            f"data.encoding: got '{encoding}', which is no known encoding; "
            "expected auto, utf-8, utf-16, cp1252, latin-1 or another codec of Python"
        ) from None
    skipped = len(mark) if mark and head.startswith(mark) else 0
    _check(open_bytes, encoding, skipped, where=where)
    return Encoding(encoding, skipped, f"read as {encoding}, as asked")


def _check(open_bytes: Open, codec: str, skipped: int, *, where: str) -> None:
    _refuse(_broken(open_bytes, codec, skipped), open_bytes, codec, where=where)


def _refuse(broken: _Broken | None, open_bytes: Open, codec: str, *, where: str) -> None:
    if broken:
        raise DataError(
            f"{where} {_place(open_bytes, broken.at)}: 0x{broken.byte:02x} is not {codec} "
            f"({broken.reason}).\n"
            "    Save the file as UTF-8, or name its true encoding: data.encoding = "
            f"{_fitting(open_bytes, but=codec)}"
        )


def _fitting(open_bytes: Open, *, but: str) -> str:
    """The likeliest other encoding in which the whole file can be read."""
    known = ("utf-8", "cp1252")
    others = (codec for codec in known if codecs.lookup(codec) != codecs.lookup(but))
    return next((codec for codec in others if not _broken(open_bytes, codec, 0)), "latin-1")


def _broken(open_bytes: Open, codec: str, skipped: int) -> _Broken | None:
    """The first byte that cannot be decoded."""
    decoder = codecs.getincrementaldecoder(codec)("strict")
    before = skipped  # bytes of the pieces decoded so far
    held = 0  # of these, the ones that the decoder still holds back
    for piece in pieces_of(open_bytes, skipped):
        try:
            decoder.decode(piece)
        except UnicodeDecodeError as error:
            at = before - held + error.start
            return _Broken(at, error.object[error.start], error.reason)
        before += len(piece)
        held = len(decoder.getstate()[0])
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        at = before - held + error.start
        return _Broken(at, error.object[error.start], error.reason)
    return None


def _fall_back(open_bytes: Open, bad: _Broken, *, where: str) -> Encoding:
    found = mixture(open_bytes)
    if found.num_utf8 > found.num_other:
        raise DataError(
            f"{where} {_place(open_bytes, bad.at)}: 0x{bad.byte:02x} is not UTF-8, yet "
            f"{found.num_utf8} other characters are: the file mixes encodings ({found.num_other} "
            f"bytes are not UTF-8).\n{_MEND}"
        )
    if found.clear or found.num_utf8 > _ACCIDENTAL_SHARE * found.num_other:
        seen = f"'{found.clear}' stands there as UTF-8" if found.clear else "some of it is UTF-8"
        raise DataError(
            f"{where} {_place(open_bytes, found.at)}: {seen}, yet {found.num_other} bytes are "
            f"not UTF-8 (the first in {_place(open_bytes, bad.at)}): the file mixes encodings.\n"
            f"{_MEND}"
        )
    broken = _broken(open_bytes, "cp1252", 0)
    if broken:
        raise DataError(
            f"{where} {_place(open_bytes, broken.at)}: 0x{broken.byte:02x} is neither UTF-8 nor "
            "cp1252.\n    Save the file as UTF-8, or name its encoding: data.encoding = latin-1"
        )
    place = _place(open_bytes, bad.at)
    note = f"read as cp1252: {place} is not UTF-8 (data.encoding overrides this)"
    return Encoding("cp1252", 0, note)


def _wide_without_mark(head: bytes) -> str:
    if len(head) < 4:
        return ""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    enough = 0.4 * len(head)
    if odd > enough and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > enough and odd == 0 else ""


def _place(open_bytes: Open, offset: int) -> str:
    """Line and byte of an offset; a carriage return and a line feed end one line together."""
    line, left, last = 1, offset, b""
    for piece in pieces_of(open_bytes):
        part = piece[:left]
        line += part.count(b"\n") + part.count(b"\r") - part.count(b"\r\n")
        line -= last == b"\r" and part.startswith(b"\n")
        last, left = part[-1:], left - len(part)
        if not left:
            break
    return f"line {line} (byte {offset})"
