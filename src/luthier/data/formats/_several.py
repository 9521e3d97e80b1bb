"""Columns that hold one text or several: positives, negatives, documents."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, cast

from luthier.core.errors import DataError
from luthier.data.columns import canonical as plain
from luthier.data.formats._values import kind_of, shown, text_of, unpacked
from luthier.data.formats.contract import Record

_NEGATIVE = re.compile(r"(hard_)?neg(ative)?s?(_passages?)?(_?\d+)?")


def negative_columns(
    columns: Iterable[str], *, named: str = "", taken: Collection[str]
) -> list[str]:
    """Columns of texts that do not belong: `negative`, `neg_2`, `hard_negatives` and their like.

    Args: named: the one that the user named. taken: columns that are something else.
    """
    return [
        name
        for name in columns
        if (named and name == named)
        or (name not in taken and _NEGATIVE.fullmatch(plain(str(name))))
    ]


def texts_in(record: Record, names: Iterable[str], *, where: str) -> list[str]:
    """The texts of several columns, one after the other, without empty ones.

    Raises: DataError: as `texts_of`.
    """
    return [text for name in names for text in texts_of(record.get(name), where=f"{where}, {name}")]


def texts_of(value: Any, *, where: str) -> list[str]:
    """The texts of a column that holds one or a list of them, also as JSON; without empty ones.

    Raises: DataError: anything else.
    """
    value = unpacked(value, where=where) if _is_list(value) else value
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    found: list[str] = []
    for item in items:
        inner = item.get("text") if isinstance(item, dict) else item
        if isinstance(inner, list | dict):
            raise DataError(
                f"{where}: got {shown(item)} ({kind_of(item)}), expected a text or a list of texts."
                "\n    Name another column: data.columns = {anchor: NAME, positive: NAME}"
            )
        found.append(text_of(inner, where=where))
    return [text for text in found if text.strip()]


def _is_list(value: Any) -> bool:
    return isinstance(value, str) and value.lstrip().startswith('["')
