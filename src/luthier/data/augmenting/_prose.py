"""The words of a text that may be changed: neither code nor addresses nor marks."""

from __future__ import annotations

import re
from collections.abc import Iterator

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_PIECE = re.compile(
    r"(?P<kept>```[\s\S]*?(?:```|\Z)|`[^`\n]*`"  # code that is marked as such
    r"|^(?: {4}|\t).*$|^.*[;{}][ \t]*$"  # lines that look like code
    r"|<[^<>\n]{1,80}>|\[[^\[\]\n]{1,80}\])"  # marks, and what personal data was masked by
    r"|[^\s<\[`]+|[<\[`]",
    re.MULTILINE,
)
_STRANGE = re.compile(r"[\d_/\\=@]|www\.")
"""Within a piece without spaces: it is a number, an address, a path or a name in code."""
_ANY = re.compile(r"[`;{}<\[\d_/\\=@\t]|    |www")
"""Without one of these a text is all prose, and is not looked through."""


def words(text: str) -> list[re.Match[str]]:
    """The words of plain language, in order."""
    stretches = _kept(text) if _ANY.search(text) else iter(())
    stretch = next(stretches, None)
    found: list[re.Match[str]] = []
    for word in _WORD.finditer(text):
        while stretch is not None and stretch[1] <= word.start():
            stretch = next(stretches, None)
        if stretch is None or word.end() <= stretch[0]:
            found.append(word)
    return found


def kept(text: str) -> list[str]:
    """The other pieces: code, addresses, numbers and marks."""
    return [text[start:end] for start, end in _kept(text)] if _ANY.search(text) else []


def _kept(text: str) -> Iterator[tuple[int, int]]:
    for found in _PIECE.finditer(text):
        if found["kept"] or _STRANGE.search(found[0]):
            yield found.span()
