"""Bytes of a file to text: byte order mark, then UTF-8, then cp1252; what was chosen is said."""

from __future__ import annotations

import codecs

from luthier.core.errors import DataError
from luthier.data.mixture import mixture

_MARKS = (  # UTF-32 before UTF-16: its little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ACCIDENTAL_SHARE = 0.05
"""cp1252 text may hold bytes that look like UTF-8; so few of them are no second encoding."""
_MEND = (
    "    Mend that line and save the file as UTF-8, or read all of it in one encoding: "
    "data.encoding = cp1252"
)


def decode(data: bytes, *, encoding: str, where: str) -> tuple[str, str]:
    """The text of `data` without its byte order mark, and a note on how it was read.

    Args: encoding: a codec name, or "auto". where: the file, for messages.
    Returns: (text, note); the note is empty for plain UTF-8, the expected case.
    Raises: DataError: unknown encoding, undecodable bytes, or a mixture of UTF-8 and cp1252.
    """
    if encoding != "auto":
        return _decode_as(data, encoding, where=where), f"read as {encoding}, as asked"
    for mark, name in _MARKS:
        if data.startswith(mark):
            text = _decode_as(data[len(mark) :], name, where=where)
            return text, f"read as {name.upper()}, said by its byte order mark"
    wide = _wide_without_mark(data)
    if wide:
        text = _decode_as(data, wide, where=where)
        return text, f"read as {wide.upper()}: every second byte is zero, without a byte order mark"
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        return _fall_back(data, error.start, where=where)


def _decode_as(data: bytes, encoding: str, *, where: str) -> str:
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise DataError(
            f"data.encoding: got '{encoding}', which is no known encoding; "
            "expected auto, utf-8, utf-16, cp1252, latin-1 or another codec of Python"
        ) from None
    except UnicodeDecodeError as error:
        place = _place(data, error.start)
        raise DataError(
            f"{where} {place}: 0x{data[error.start]:02x} is not {encoding} ({error.reason}).\n"
            "    Save the file as UTF-8, or name its true encoding: data.encoding = latin-1"
        ) from None


def _fall_back(data: bytes, bad: int, *, where: str) -> tuple[str, str]:
    found = mixture(data)
    if found.num_utf8 > found.num_other:
        raise DataError(
            f"{where} {_place(data, bad)}: 0x{data[bad]:02x} is not UTF-8, yet {found.num_utf8} "
            f"other characters are: the file mixes encodings ({found.num_other} bytes are not "
            f"UTF-8).\n{_MEND}"
        )
    if found.clear or found.num_utf8 > _ACCIDENTAL_SHARE * found.num_other:
        seen = f"'{found.clear}' stands there as UTF-8" if found.clear else "some of it is UTF-8"
        raise DataError(
            f"{where} {_place(data, found.at)}: {seen}, yet {found.num_other} bytes are "
            f"not UTF-8 (the first in {_place(data, bad)}): the file mixes encodings.\n{_MEND}"
        )
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where} {_place(data, error.start)}: 0x{data[error.start]:02x} is neither UTF-8 nor "
            "cp1252.\n    Save the file as UTF-8, or name its encoding: data.encoding = latin-1"
        ) from None
    return text, f"read as cp1252: {_place(data, bad)} is not UTF-8 (data.encoding overrides this)"


def _wide_without_mark(data: bytes) -> str:
    head = data[:4096]
    if len(head) < 4 or len(data) % 2:
        return ""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    enough = 0.4 * len(head)
    if odd > enough and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > enough and odd == 0 else ""


def _place(data: bytes, offset: int) -> str:
    before = data[:offset].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    line = before.count(b"\n") + 1
    return f"line {line} (byte {offset})"
