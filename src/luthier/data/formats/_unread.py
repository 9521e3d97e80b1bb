"""Columns of texts that a format leaves unread, said so that nobody takes them for learned."""

from __future__ import annotations

from collections.abc import Collection

from luthier.data.formats.contract import Sample

_FEWEST = 2
_SHOWN = 3


def unread_texts(sample: Sample, read: Collection[str]) -> str:
    """To be put behind what was recognised; empty where no other column holds texts: strings that
    differ from row to row, most of them of several words."""
    others = [name for name in sample.columns if name not in read and _holds_texts(sample, name)]
    if not others:
        return ""
    names = ", ".join(f"'{name}'" for name in others[:_SHOWN])
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    verbs = "holds texts and is" if len(others) == 1 else "hold texts and are"
    so = "data.columns = {text: NAME, text_pair: NAME} says which two are"
    return f"; {names}{more} {verbs} not read ({so})"


def _holds_texts(sample: Sample, column: str) -> bool:
    values = [value for record in sample.records if (value := record.get(column))]
    texts = [value for value in values if isinstance(value, str) and " " in value.strip()]
    is_most = 2 * len(texts) > len(sample.records)
    return is_most and len(texts) >= _FEWEST and 2 * len(set(texts)) > len(texts)
