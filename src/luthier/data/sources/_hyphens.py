"""Words that were broken at the ends of lines, whole again where the document shows how."""

from __future__ import annotations

import re
from collections import Counter

BROKEN = "\ufffe"
"""Where a line ended within a word, in PDFium's text."""
_WORD = re.compile(r"[^\W\d_]+(?:[-\u2010\ufffe][^\W\d_]+)*")
_PLACE = re.compile(r"([^\W\d_]*)\ufffe\n?([^\W\d_]*)")


def mended(text: str) -> tuple[str, list[str]]:
    """The text with its words whole, and what was done, in words.

    A word is joined where it stands unbroken elsewhere, or where a half of it stands nowhere by
    itself; it keeps its hyphen where it has one elsewhere. What is neither is left as printed.
    """
    if BROKEN not in text:
        return text, []
    known = {word.lower() for word in _WORD.findall(text) if BROKEN not in word}
    done: Counter[str] = Counter()

    def whole(found: re.Match[str]) -> str:
        first, second = found[1], found[2]
        way, put = _decided(first, second, known)
        done[way] += 1
        return put

    return _PLACE.sub(whole, text), _told(done)


def _decided(first: str, second: str, known: set[str]) -> tuple[str, str]:
    """Joined, kept or left; and the word."""
    if not first or not second:
        return "left", f"{first}-\n{second}"
    joined, kept = f"{first}{second}", f"{first}-{second}"
    if joined.lower() in known:
        return "joined", joined
    if kept.lower() in known:
        return "kept", kept
    if second.islower() and not {first.lower(), second} <= known:
        return "joined", joined
    return "left", f"{first}-\n{second}"


def _told(done: Counter[str]) -> list[str]:
    words = {"joined": "joined", "kept": "with their hyphen", "left": "left as printed"}
    parts = [f"{done[way]} {said}" for way, said in words.items() if done[way]]
    return [f"words broken at line ends: {', '.join(parts)}"]
