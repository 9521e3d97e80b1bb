"""Where in a tag its mark stands (B-PER, PER_B, b alone), and the same tags as MARK-TYPE."""

from __future__ import annotations

import re
from collections.abc import Iterable

from luthier.core.errors import DataError

BEFORE, BEHIND, ALONE, NONE = "before", "behind", "alone", "none"
"""Places of the mark: before the type, behind it, without a type; none: tags are types."""
ONLY_TYPE = "ENTITY"
"""Type of all entities where tags are marks alone."""
_MARK = "[BIESLUMWbieslumw]"
_TAGS = {
    BEFORE: re.compile(rf"(?P<mark>{_MARK})[-_](?P<type>.+)"),
    BEHIND: re.compile(rf"(?P<type>.+)[-_](?P<mark>{_MARK})"),
    ALONE: re.compile(rf"(?P<mark>{_MARK})"),
}
_BEGINS = frozenset("BIbi")
"""No scheme does without both; of the other marks many are letters of types (e-mail)."""
_OUTSIDE = frozenset("Oo")


def writing_of(tags: Iterable[str]) -> str:
    """How most of these tags are written; NONE where they are types without marks.

    Raises: DataError: some look like marks, and most do not.
    """
    different = dict.fromkeys(tags)
    inside = [tag for tag in different if tag not in _OUTSIDE]
    fitting = {place: [tag for tag in inside if _mark(tag, place)] for place in _TAGS}
    place = max(fitting, key=lambda place: len(fitting[place]))
    found = fitting[place]
    if not inside or (place != ALONE and 2 * len(found) >= len(inside)):
        return place
    has_begins = any(tag in _BEGINS for tag in fitting[ALONE])
    if len(fitting[ALONE]) == len(inside) and has_begins:
        return ALONE
    doubtful = [tag for tag in fitting[BEFORE] if tag[0] in _BEGINS]
    if has_begins and 2 * len(fitting[ALONE]) > len(inside):
        doubtful += fitting[ALONE]
    if doubtful or "o" in different:
        raise _unclear([*doubtful, *(["o"] if "o" in different else [])], inside)
    return NONE


def plainly(tag: str, writing: str) -> str:
    """A tag as MARK-TYPE or O; as it stands where it is not written so."""
    if writing == NONE:
        return tag
    if tag in _OUTSIDE:
        return "O"
    match = _TAGS[writing].fullmatch(tag)
    if match is None:
        return tag
    return f"{match['mark'].upper()}-{match.groupdict().get('type', ONLY_TYPE)}"


def _mark(tag: str, place: str) -> str:
    match = _TAGS[place].fullmatch(tag)
    return match["mark"] if match else ""


def _unclear(doubtful: list[str], inside: list[str]) -> DataError:
    shown = ", ".join(map(repr, doubtful[:3]))
    others = ", ".join(repr(tag) for tag in inside if tag not in doubtful[:3])[:60]
    return DataError(
        f"tags such as {shown} look like marks of beginning, inside or outside, and others do not "
        f"({others}): expected marks in all of them, or in none.\n"
        "    Write B-TYPE where an entity begins, I-TYPE where it goes on and O outside; or, if "
        f"{shown} are types, give them longer names and write O outside"
    )
