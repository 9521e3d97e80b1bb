"""UTF-8 among bytes of cp1252: a second encoding, or characters that happen to look like it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from luthier.data.content import pieces_of

_MULTIBYTE = (
    rb"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}"
    rb"|[\xf0-\xf4][\x80-\xbf]{3}"
)
_CHARACTER = re.compile(_MULTIBYTE)
_RUN = re.compile(rb"(?:" + _MULTIBYTE + rb")+")
_HIGH = re.compile(rb"[\x80-\xff]")
_CAPITAL = re.compile(rb"[A-Z\xc0-\xde]")
_CLOSING = frozenset(b"\x85\x91\x92\x93\x94\x96\x97\xa0\xbb")
"""What may follow a word in cp1252: dots, quotes, dashes, a hard space."""
_LETTER = re.compile(rb"[A-Za-z\x80-\xff]")


class Mixture(NamedTuple):
    """What a file holds that is not ASCII."""

    num_utf8: int
    num_other: int
    clear: str
    """The first character that only makes sense as UTF-8; empty: there is none."""
    at: int
    """Its offset, or else that of the first one that can be read so."""


def mixture(open_bytes: Callable[[], BinaryIO]) -> Mixture:
    """How many characters of a file read as UTF-8, how many bytes do not, and the clear ones."""
    num_utf8 = num_other = before = 0
    first = -1
    clear, at = "", -1
    for piece in _whole_lines(open_bytes):
        num_utf8 += len(_CHARACTER.findall(piece))
        num_other += len(_HIGH.findall(_CHARACTER.sub(b"", piece)))
        for run in _RUN.finditer(piece):
            first = before + run.start() if first < 0 else first
            text = run[0].decode("utf-8", "ignore")
            if not clear and text and _is_clear(piece, run.start(), run.end(), text):
                clear, at = text[0], before + run.start()
        before += len(piece)
    return Mixture(num_utf8, num_other, clear, at if clear else max(first, 0))


def _whole_lines(open_bytes: Callable[[], BinaryIO]) -> Iterator[bytes]:
    """The bytes in pieces that end with a line: no character goes over such an end."""
    held = b""
    for piece in pieces_of(open_bytes):
        end = max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1
        if end:
            yield held + piece[:end]
            held = piece[end:]
        else:
            held += piece
    yield held


def _is_clear(data: bytes, start: int, end: int, text: str) -> bool:
    """Whether what stands there cannot well be cp1252.

    As cp1252 it is an accented letter, then signs: with several such characters in a row that is
    never written. A single one can be: É and a closing quote. So it has to be a letter or a mark
    of a European text, and must not end a word of capitals, as in "MAÇÃ" with a closing quote.
    """
    if len(text) > 1 or ord(text) > 0xFFFF:
        return True
    if not ("\xa0" <= text <= "\u017f" or "\u2010" <= text <= "\u2044" or text in "\u20ac\u2122"):
        return False
    after_capital = start > 0 and _CAPITAL.match(data, start - 1) is not None
    ends_a_word = data[start + 1] in _CLOSING and _LETTER.match(data, end) is None
    return end - start > 2 or not (after_capital and ends_a_word)
