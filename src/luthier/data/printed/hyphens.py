"""Words that were broken at the ends of lines, whole again where the document shows how."""

from __future__ import annotations

import re
from collections import Counter

BROKEN = "\ufffe"
"""Where a line ended within a word, in PDFium's text."""
_WORD = re.compile(r"[^\W\d_]+(?:[-\u2010\ufffe][^\W\d_]+)*")
_PLACE = re.compile(r"([^\W\d_]*)\ufffe\s?([^\W\d_]*)")


def mended(text: str) -> tuple[str, list[str]]:
    """The text with its words whole, and what was done, in words.

    A word is joined where it stands unbroken elsewhere, or where a half of it stands nowhere by
    itself; else it keeps its hyphen.
    """
    if BROKEN not in text:
        return text, []
    known = {word.lower() for word in _WORD.findall(text) if BROKEN not in word}
    done: Counter[str] = Counter()

    def whole(found: re.Match[str]) -> str:
        is_one = _is_one(found[1], found[2], known)
        done["joined" if is_one else "with their hyphen"] += 1
        return f"{found[1]}{'' if is_one else '-'}{found[2]}"

    text = _PLACE.sub(whole, text)
    said = ", ".join(f"{count} {way}" for way, count in sorted(done.items()))
    return text, [f"words broken at line ends: {said}"]


def _is_one(first: str, second: str, known: set[str]) -> bool:
    """Whether these are halves of one word."""
    if not first or not second or f"{first}-{second}".lower() in known:
        return False
    if f"{first}{second}".lower() in known:
        return True
    return second.islower() and not {first.lower(), second} <= known
