"""Long documents as several rows: cut where the text pauses, each knowing where it stood."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from luthier.core.counted import counted
from luthier.core.errors import DataError
from luthier.data.on_disk import OnDisk
from luthier.data.opened import Opened
from luthier.data.rows import Row
from luthier.data.sources.contract import ASIDE, Aside, Record

USUAL_CHARACTERS = 4000
"""About a thousand tokens of English."""
FEWEST_DOCUMENTS = 10
"""With fewer, splits cannot be made of whole ones."""
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_PAUSES = (
    (re.compile(r"^(?=#{1,6} \S)", re.MULTILINE), 0.25),
    (re.compile(r"\n[ \t]*\n+(?=\S)"), 0.5),
    (re.compile(r"[.!?…][\"'”’)\]]*\s+(?=\S)|[。！？]"), 0.5),
    (re.compile(r"\n(?=\S)"), 0.5),
    (re.compile(r"\s(?=\S)"), 0.5),
)
"""Where texts are cut, the best first, and the share of what is new in a chunk that must stand
before it."""
_IN_CODE = 3
"""Pauses before this one in the list are none where they stand in code."""


@dataclass(slots=True)
class Cutter:
    """Cuts the texts of one file, and counts."""

    size: int
    overlap: int
    documents: int = 0
    pieces: int = 0
    whole: int = 0

    def cut(
        self, records: Iterator[tuple[int, Record]], column: str
    ) -> Iterator[tuple[int, Record]]:
        """The records, long texts in several; all of one document know that they are."""
        for line, record in records:
            text, aside = record.get(column), record.get(ASIDE, Aside())
            if not isinstance(text, str) or aside.unread:
                yield line, record
                continue
            self.documents += 1
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
            found = list(pieces(text, self.size, self.overlap))
            self.pieces += len(found)
            self.whole += len(found) == 1
            for start, end in found:
                part = f"characters {start + 1} to {end}" if len(found) > 1 else ""
                own = replace(aside, part=part, document=f"document {digest}")
                yield line, record | {column: text[start:end].strip(), ASIDE: own}

    def told(self) -> str:
        """What was done, in words."""
        cut = self.documents - self.whole
        how = f"at most {self.size} characters"
        how += f", {self.overlap} of them again in the next" if self.overlap else ""
        return (
            f"{cut} of {counted(self.documents, 'document')} cut into "
            f"{counted(self.pieces - self.whole, 'chunk')} of "
            f"{how} (data.chunk)"
        )


def cutter_for(opened: Opened, shape: str, size: int | str, overlap: int) -> Cutter | None:
    """What cuts the texts of a file; None where they stay whole.

    Raises: DataError: chunks would consist of what they repeat.
    """
    if shape != "text" or not size or (size == "auto" and not opened.documents):
        return None
    characters = USUAL_CHARACTERS if isinstance(size, str) else size
    if 2 * overlap >= characters:
        raise DataError(
            f"data.chunk_overlap: got {overlap}, expected less than half of a chunk of "
            f"{characters} characters (data.chunk)"
        )
    return Cutter(characters, overlap)


def pieces(text: str, size: int, overlap: int = 0) -> Iterator[tuple[int, int]]:
    """Where each chunk begins and ends; together they are the text but for white space.

    Each ends before a heading if one stands in the last three quarters of what it does not repeat;
    else at the end of a paragraph, a sentence, a line or a word in the second half of that; and
    headings and paragraphs in code are none. So with any overlap the next one brings a quarter at
    least of the room that is left, and ends later.
    Args: overlap: characters, about, of the end with which the next one begins, at
        most two thirds of it.
    """
    fences = [found.start() for found in _FENCE.finditer(text)]
    start, last = _skipped(text, 0), len(text.rstrip())
    fresh = start
    while last - start > size:
        end = _pause(text, fresh, start + size, fences)
        yield start, end
        fresh = _skipped(text, end)
        again = max(fresh - overlap, start + (end - start) // 3)
        start = _skipped(text, _resumed(text, again, end)) if again < end else fresh
    if last > start:
        yield start, last


def _skipped(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def _pause(text: str, start: int, limit: int, fences: Sequence[int]) -> int:
    """The best place to end a chunk; the last of the kind."""
    for number, (pattern, share) in enumerate(_PAUSES):
        least = start + int(share * (limit - start))
        ends = [found.end() for found in pattern.finditer(text, least, limit + 1)]
        if number < _IN_CODE:
            ends = [end for end in ends if not bisect_right(fences, end) % 2]
        ends = [end for end in ends if least < end <= limit]
        if ends:
            return ends[-1]
    return limit


def _resumed(text: str, start: int, end: int) -> int:
    """Where the next chunk begins: at a sentence, a line or a word of what is repeated."""
    for pattern, _ in _PAUSES[2:]:
        found = pattern.search(text, start, end)
        if found and found.end() < end:
            return found.end()
    return start


def grouped(row: Row, document: str) -> Row:
    """The row as one of those of a document."""
    return replace(row, group=document)


def spread(rows: Sequence[Row]) -> Sequence[Row]:
    """The rows of documents, no longer tied by them."""
    return OnDisk(replace(row, group="") for row in rows)
