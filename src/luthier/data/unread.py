"""Columns of texts that a format leaves unread, said so that nobody takes them for learned."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from luthier.data.formats.contract import Format, Match, Sample

_FEWEST = 2
_SHOWN = 3
_LETTERS = 8
"""Of a script without spaces between words, from which on they are a text."""
_DEEPEST = 4
"""Lists and objects in each other: a context of titles, each with its sentences."""
_UNNAMED = frozenset({"system", "tools"})
"""Read wherever a format knows them and they are there, though no match names them."""


def unread_texts(kind: Format, match: Match, sample: Sample, *, used: Collection[str] = ()) -> str:
    """To be put behind what was recognised; empty where no other column holds texts: strings that
    differ from row to row, most of them of several words; beside prompts also lists and objects
    that hold such.

    Args: used: columns that are read for something else than what is learned.
    """
    read = {*match.read(), *used, *(_UNNAMED & set(kind.canonical))}
    is_asked = "input" in kind.canonical  # then what a list holds may be what is asked about
    others = [
        name
        for name in sample.columns
        if name not in read and _holds_texts(sample, name, inside=is_asked)
    ]
    if not others:
        return ""
    names = ", ".join(f"'{name}'" for name in others[:_SHOWN])
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    verbs = "holds texts and is" if len(others) == 1 else "hold texts and are"
    return f"; {names}{more} {verbs} {kind.about.rest}{_advice(kind, match)}"


def _advice(kind: Format, match: Match) -> str:
    """How such a column is read all the same, in brackets; "" where no setting does it."""
    if "text_pair" in kind.canonical:
        return " (data.columns = {text: NAME, text_pair: NAME} says which two are)"
    if "input" in kind.canonical and "input" not in match.columns:
        return " (data.columns.input = NAME puts one behind the prompt)"
    return f" (data.columns = {kind.about.example} says which are)" if kind.about.example else ""


def _holds_texts(sample: Sample, column: str, *, inside: bool) -> bool:
    values = [value for record in sample.records if (value := record.get(column))]
    texts = [str(value) for value in values if _is_text(value) or (inside and _has_text(value))]
    is_most = 2 * len(texts) > len(values)
    return is_most and len(texts) >= _FEWEST and 2 * len(set(texts)) > len(texts)


def _has_text(value: Any) -> bool:
    """Whether a text stands in a list or an object."""
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        level = [item for one in level for item in _items(one)]
        if any(map(_is_text, level)):
            return True
    return False


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(cast("dict[str, Any]", value).values())
    return cast("list[Any]", value) if isinstance(value, list) else []


def _is_text(value: Any) -> bool:
    """Whether it is a string of several words; a time or a sum has spaces, and no words."""
    if not isinstance(value, str):
        return False
    words = [word for word in value.split() if any(map(str.isalpha, word))]
    is_long = not value.isascii() and sum(map(str.isalpha, value)) >= _LETTERS
    return len(words) > 1 or is_long
