"""Ways to write where an entity begins and ends, word by word, and how they become BIO.

BIO (also IOB2): every entity begins with B. IOB1: only one that follows another of its kind does.
IO: none does. BIOES, BILOU and BMES also mark ends and single words.
Source: Ramshaw and Marcus 1995, arXiv:cmp-lg/9505040 (IOB1); Ratinov and Roth 2009 (BILOU).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from luthier.core.errors import DataError

_OUTSIDE = "O"
_SINGLE, _INSIDE, _LAST = frozenset("SUW"), frozenset("IM"), frozenset("EL")
_MARKS = frozenset("B") | _SINGLE | _INSIDE | _LAST
_NO_START = "goes on with an entity that has not begun"
_NO_END = "is followed by no end of its entity"
_NEXT = {
    "BIO": "Write B-{kind} where an entity begins",
    "IO": "Write B-{kind} where another {kind} ends right before, else I-{kind}",
    "BIOES": "Write B-{kind}, I-{kind}, E-{kind} for several words (or L), S-{kind} for one (or U)",
}


def scheme_of(rows: Iterable[Sequence[str]]) -> str:
    """The scheme that the fewest of these rows of tags break: BIO, IOB1, IO, BIOES, or bare (types
    without a mark)."""
    different = Counter(tuple(row) for row in rows)
    tags = {tag for row in different for tag in row if tag != _OUTSIDE}
    unmarked = [tag for tag in tags if not _mark(tag)]
    if len(unmarked) > len(tags) - len(unmarked):  # one without a mark among others is a mistake
        return "bare"
    broken = {
        scheme: sum(times for row, times in different.items() if _fault(row, scheme))
        for scheme in ("BIO", "IOB1", "BIOES")
    }
    found = min(broken, key=lambda scheme: broken[scheme])
    has_begins = any(_mark(tag) == "B" for tag in tags)
    return "IO" if found == "IOB1" and not has_begins else found


def as_bio(tags: Sequence[str], scheme: str, words: Sequence[str], *, where: str) -> list[str]:
    """The tags in BIO.

    Raises: DataError: they break their scheme, naming the word; nothing is mended in silence.
    """
    if scheme == "bare":
        befores = [_OUTSIDE, *tags]
        pairs = zip(befores, tags, strict=False)
        return [_outside_or(tag, begins=tag != before) for before, tag in pairs]
    for place, tag in enumerate(tags):
        if tag != _OUTSIDE and not (_mark(tag) and _type(tag)):
            raise DataError(
                f"{where}, word {place + 1} ({words[place]!r}): got the tag {tag!r}, expected 'O', "
                "or a mark and a type such as 'B-PER'"
            )
    plain = "IO" if scheme == "IOB1" else scheme  # a B too many is plain: CoNLL-2003 has some
    fault = _fault(tags, plain)
    if fault is not None:
        place, what = fault
        before = tags[place - 1] if place else "the beginning of the row"
        todo = _NEXT[plain].format(kind=_type(tags[place]))
        raise DataError(
            f"{where}, word {place + 1} ({words[place]!r}): the tag '{tags[place]}' {what} (before "
            f"it: {before}).\n    {todo}; the tags were read as {scheme}"
        )
    return [_one(tags, place, scheme) for place in range(len(tags))]


def _one(tags: Sequence[str], place: int, scheme: str) -> str:
    tag = tags[place]
    if tag == _OUTSIDE or scheme == "BIO":
        return tag
    mark, kind = _mark(tag), _type(tag)
    if scheme == "BIOES":
        return f"{'B' if mark == 'B' or mark in _SINGLE else 'I'}-{kind}"
    before = tags[place - 1] if place else _OUTSIDE
    continues = mark == "I" and before != _OUTSIDE and _type(before) == kind
    return f"{'I' if continues else 'B'}-{kind}"


def _outside_or(kind: str, *, begins: bool) -> str:
    return kind if kind == _OUTSIDE else f"{'B' if begins else 'I'}-{kind}"


def _mark(tag: str) -> str:
    """The letter before the hyphen; empty where there is none."""
    mark, hyphen, _ = tag.partition("-")
    return mark if hyphen and mark in _MARKS else ""


def _type(tag: str) -> str:
    return tag.partition("-")[2]


def _fault(tags: Sequence[str], scheme: str) -> tuple[int, str] | None:
    """Index of the first tag that breaks the scheme, and how; None: none does."""
    before = _OUTSIDE
    for place, tag in enumerate([*tags, _OUTSIDE]):
        if scheme == "BIOES" and _leaves_open(before, tag):
            return place - 1, _NO_END
        if tag != _OUTSIDE and (what := _wrong(before, tag, scheme)):
            return place, what
        before = tag
    return None


def _leaves_open(before: str, tag: str) -> bool:
    """In BIOES: an entity that `before` is within neither goes on nor ends."""
    within = _mark(before) == "B" or _mark(before) in _INSIDE
    goes_on = _mark(tag) in _INSIDE | _LAST and _type(tag) == _type(before)
    return within and not goes_on


def _wrong(before: str, tag: str, scheme: str) -> str:
    """What is wrong with a tag behind another; empty: nothing."""
    mark = _mark(tag)
    same = before != _OUTSIDE and _type(before) == _type(tag)
    if scheme == "BIOES":
        within = _mark(before) == "B" or _mark(before) in _INSIDE
        return _NO_START if mark in _INSIDE | _LAST and not (within and same) else ""
    if mark not in ("B", "I"):
        return "has a mark that the scheme does not know"
    if scheme == "BIO":
        return _NO_START if mark == "I" and not same else ""
    is_spare = scheme == "IOB1" and mark == "B" and not same
    return "begins an entity where none of its type ends" if is_spare else ""
