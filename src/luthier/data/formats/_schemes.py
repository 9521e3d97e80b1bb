"""Ways to write where an entity begins and ends, word by word, and how they become BIO.

BIO (also IOB2): every entity begins with B. IOB1: only one that follows another of its kind does.
IO: none does. BIOES and BILOU also mark ends and single words.
Source: Ramshaw and Marcus 1995, arXiv:cmp-lg/9505040 (IOB1); Ratinov and Roth 2009 (BILOU).
"""

from __future__ import annotations

from collections.abc import Sequence

from luthier.core.errors import DataError

_OUTSIDE = "O"
_SINGLE, _LAST = "SUW", "ELM"


def scheme_of(rows: Sequence[Sequence[str]]) -> str:
    """The scheme that these rows of tags are written in: BIO, IOB1, IO, BIOES or bare (types
    without a mark)."""
    tags = {tag for row in rows for tag in row if tag != _OUTSIDE}
    unmarked = [tag for tag in tags if not _mark(tag)]
    if len(unmarked) > len(tags) - len(unmarked):  # one without a mark among others is a mistake
        return "bare"
    marks = {_mark(tag) for tag in tags} - {""}
    if marks & set(_SINGLE + _LAST):
        return "BIOES"
    if marks == {"I"}:
        return "IO"
    if all(_breaks(row) < 0 for row in rows):
        return "BIO"
    return "IOB1" if all(_is_iob1(row) for row in rows) else "BIO"


def as_bio(tags: Sequence[str], scheme: str, words: Sequence[str], *, where: str) -> list[str]:
    """The tags in BIO.

    Raises: DataError: they break their scheme, naming the word; nothing is mended in silence.
    """
    found: list[str] = []
    for place, tag in enumerate(tags):
        found.append(_one(tags, place, scheme))
        if tag != _OUTSIDE and scheme != "bare" and not (_mark(tag) and _type(tag)):
            raise DataError(
                f"{where}, word {place + 1} ({words[place]!r}): got the tag {tag!r}, expected 'O', "
                "or a mark and a type such as 'B-PER'"
            )
    broken = _breaks(found)
    if broken >= 0:
        before = tags[broken - 1] if broken else "the beginning of the row"
        kind = _type(tags[broken])
        raise DataError(
            f"{where}, word {broken + 1} ({words[broken]!r}): the tag '{tags[broken]}' goes on with"
            f" an entity that has not begun (before it: {before}).\n"
            f"    Write B-{kind} where an entity begins; the tags were read as {scheme}"
        )
    return found


def _one(tags: Sequence[str], place: int, scheme: str) -> str:
    tag = tags[place]
    if tag == _OUTSIDE or scheme == "BIO":
        return tag
    before = tags[place - 1] if place else _OUTSIDE
    if scheme == "bare":
        return f"{'I' if before == tag else 'B'}-{tag}"
    mark, kind = _mark(tag), _type(tag)
    if scheme == "BIOES":
        return f"{'B' if mark in f'B{_SINGLE}' else 'I'}-{kind}"
    continues = mark == "I" and before != _OUTSIDE and _type(before) == kind
    return f"{'I' if continues else 'B'}-{kind}"


def _mark(tag: str) -> str:
    """The letter before the hyphen; empty where there is none."""
    mark, hyphen, _ = tag.partition("-")
    return mark if hyphen and len(mark) == 1 and mark in f"BI{_SINGLE}{_LAST}" else ""


def _type(tag: str) -> str:
    return tag.partition("-")[2]


def _breaks(tags: Sequence[str]) -> int:
    """Index of the first tag that continues nothing, or -1."""
    before = _OUTSIDE
    for place, tag in enumerate(tags):
        if _mark(tag) == "I" and (before == _OUTSIDE or _type(before) != _type(tag)):
            return place
        before = tag
    return -1


def _is_iob1(tags: Sequence[str]) -> bool:
    """B stands only where an entity of the same type ends right before."""
    pairs = zip([_OUTSIDE, *tags], tags, strict=False)
    return all(_mark(tag) != "B" or _type(before) == _type(tag) for before, tag in pairs)
