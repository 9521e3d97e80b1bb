"""The words of a page of a PDF, as PDFium sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ctypes import byref, c_double, c_int, create_string_buffer
from math import atan2, hypot, pi
from typing import Any

from luthier.data.printed.hyphens import BROKEN
from luthier.data.printed.words import Word
from luthier.data.sources._characters import LIGATURES

_PIECE = re.compile(rf"[^\s{BROKEN}]+{BROKEN}?|{BROKEN}")
_BREAKS = {0x2: BROKEN, 0xAD: BROKEN}
"""What PDFium says where a word goes on in the next line, and what the writer did."""
_BOLD = re.compile(r"bold|black|heavy|cmbx|-bd|demi")
_FIXED = re.compile(r"mono|courier|consol|typewriter|nimbusmon|cmtt|ectt|lmtt|menlo")
_FORCED_BOLD, _FIXED_PITCH = 1 << 18, 1
_INVISIBLE = re.compile(r"\u00ad(?!\s)")
"""A hyphen that is shown only where a line ends."""


class PageWords:
    """Asks PDFium about single characters.

    Args: raw: the module `pypdfium2.raw`.
    """

    def __init__(self, raw: Any, page: Any) -> None:
        self._raw, self._page = raw, page
        self._matrix, self._name, self._flags = raw.FS_MATRIX(), create_string_buffer(128), c_int()
        self._at, self._box = [c_double() for _ in range(2)], [c_double() for _ in range(4)]
        self._for_at, self._for_box = [[*map(byref, held)] for held in (self._at, self._box)]
        self._for_looks = (self._name, len(self._name), byref(self._flags))
        self._known: dict[tuple[bytes, int], tuple[bool, bool]] = {}

    def words(self) -> Iterator[Word]:
        """All of them, in the order in which they were written."""
        text = str(self._page.get_text_range(errors="ignore"))
        is_whole = len(text) == self._page.count_chars()
        index = int if is_whole else self._index
        text = _INVISIBLE.sub("\0", text).translate(_BREAKS)
        end = 0
        for found in _PIECE.finditer(text):
            between = text[end : found.start()]
            begins = "\n" in between or (not between and end > 0)
            end = found.end()
            shown = found[0].translate(LIGATURES)
            if shown:
                yield self._word(shown, index(found.start()), index(end - 1), begins=begins)

    def _index(self, place: int) -> int:
        """Of the character at a place of the text: some have no text."""
        return max(self._raw.FPDFText_GetCharIndexFromTextIndex(self._page, place), 0)

    def _word(self, text: str, first: int, last: int, *, begins: bool) -> Word:
        raw, page, held = self._raw, self._page, self._matrix
        raw.FPDFText_GetMatrix(page, first, byref(held))
        a, b, c, d = held.a, held.b, held.c, held.d
        size = float(raw.FPDFText_GetFontSize(page, first)) * hypot(c, d)
        turn = round(2 * atan2(b, a) / pi) % 4 if b else (2 if a < 0 else 0)
        raw.FPDFText_GetCharOrigin(page, first, *self._for_at)
        raw.FPDFText_GetCharBox(page, last, *self._for_box)
        x, y, (left, right, bottom, top) = *map(_value, self._at), map(_value, self._box)
        start, base = _turned_back(x, y, turn)
        one, other = _turned_back(left, bottom, turn)[0], _turned_back(right, top, turn)[0]
        bold, fixed = self._looks(first)
        low, high = min(start, one, other), max(start, one, other)
        return Word(text, low, high, base, size or 1.0, turn, bold, fixed, begins)

    def _looks(self, index: int) -> tuple[bool, bool]:
        """Whether its font is bold, and of fixed width."""
        self._raw.FPDFText_GetFontInfo(self._page, index, *self._for_looks)
        key = self._name.value, self._flags.value
        if key not in self._known:
            name, flags = key[0].decode("utf-8", "replace").lower(), key[1]
            bold = bool(flags & _FORCED_BOLD) or _BOLD.search(name) is not None
            self._known[key] = bold, bool(flags & _FIXED_PITCH) or _FIXED.search(name) is not None
        return self._known[key]


def _value(held: c_double) -> float:
    return held.value


def _turned_back(x: float, y: float, turn: int) -> tuple[float, float]:
    return ((x, y), (y, -x), (-x, -y), (-y, x))[turn]
