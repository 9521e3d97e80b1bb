"""UTF-8 among bytes of cp1252: a second encoding, or characters that happen to look like it."""

from __future__ import annotations

import re
from typing import NamedTuple

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


def mixture(data: bytes) -> Mixture:
    """How many characters of `data` read as UTF-8, how many bytes do not, and the clear ones."""
    num_utf8 = len(_CHARACTER.findall(data))
    num_other = len(_HIGH.findall(_CHARACTER.sub(b"", data)))
    for run in _RUN.finditer(data):
        text = run[0].decode("utf-8", "ignore")
        if text and _is_clear(data, run.start(), run.end(), text):
            return Mixture(num_utf8, num_other, text[0], run.start())
    first = _CHARACTER.search(data)
    return Mixture(num_utf8, num_other, "", first.start() if first else 0)


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
