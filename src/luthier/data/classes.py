"""The names of classes: which there are, and whether a run can learn them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from luthier.core.errors import DataError
from luthier.data.rows import Labeled, Row

_SHOWN_LABELS = 5
_FRACTION = re.compile(r"[+-]?[0-9]*[.][0-9]+")
_LEAST_SHARE, _LEAST_FRACTIONS, _MOST_ROWS_EACH = 0.8, 20, 2.0
"""So many different fractions, each in so few rows, are numbers that were measured, and no
names; those that end in .0 are whole."""


def class_names(rows: Iterable[Row]) -> tuple[str, ...]:
    """Names of the classes of rows, all labelled: whole numbers by value, then names by alphabet;
    of other rows none."""
    found = set[str]()
    for row in rows:
        if not isinstance(row, Labeled):
            return ()
        found.add(row.label)
    return tuple(sorted(found, key=_label_order))


def _label_order(name: str) -> tuple[bool, int, str]:
    is_number = name.lstrip("+-").isdecimal()
    return (not is_number, int(name) if is_number else 0, name)


def refuse_fractions(rows: Iterable[Row]) -> None:
    """Nothing, where labels are names.

    Raises: DataError: nearly all are fractions, most of them different: those of a table come as
        text, so that only their number tells.
    """
    found = Counter(row.label for row in rows if isinstance(row, Labeled))
    fractions = {name: count for name, count in found.items() if _FRACTION.fullmatch(name)}
    rows_of_these = sum(fractions.values())
    is_few = rows_of_these < _LEAST_SHARE * found.total() or len(fractions) < _LEAST_FRACTIONS
    if is_few or rows_of_these > _MOST_ROWS_EACH * len(fractions):
        return
    raise DataError(
        f"data.train: the labels are numbers such as {next(iter(fractions))} ({len(found):,} "
        f"different ones in {found.total():,} rows), expected names of classes.\n"
        "    Learn them as numbers, objective.name = regress; or round them to classes first, or "
        "name another column: data.columns = {label: NAME}"
    )


def check_classes(parts: Mapping[str, Sequence[Row]]) -> None:
    """Nothing, where train has two classes or more, and all that the other splits have.

    Raises: DataError: with what is missing.
    """
    train = class_names(parts["train"])
    if len(train) < 2:
        only = f"only '{train[0]}'" if train else "none"
        raise DataError(
            f"data.train: the labels name {only}; expected two classes or more to tell apart.\n"
            "    Add rows of another class, or name another column: data.columns = {label: NAME}"
        )
    for name in ("validation", "test"):
        check_known(parts[name], name, train)


def check_known(rows: Sequence[Row], name: str, train: Sequence[str]) -> None:
    """Nothing, where every label of the split `name` stands in train, or is missing.

    Raises: DataError: with a row that has another.
    """
    known = {*train, ""}
    strange = [row for row in rows if isinstance(row, Labeled) and row.label not in known]
    if strange:
        _raise_strange(strange, name, train, are_all=len(strange) == len(rows))


def _raise_strange(
    strange: Sequence[Labeled], name: str, train: Sequence[str], *, are_all: bool
) -> None:
    labels = sorted({row.label for row in strange})
    shown = ", ".join(f"'{label}'" for label in labels[:_SHOWN_LABELS])
    more = f" and {len(labels) - _SHOWN_LABELS} more" if len(labels) > _SHOWN_LABELS else ""
    known = ", ".join(f"'{label}'" for label in train[:_SHOWN_LABELS])
    known += ", ..." if len(train) > _SHOWN_LABELS else ""
    withheld = f". So are all of {name}: where answers are withheld, leave the file out"
    raise DataError(
        f"{strange[0].origin}: label {shown}{more} stands in {name} but never in train ({known}): "
        f"it cannot be learned.\n"
        f"    Add such rows to train, correct the spelling, or take them out of {name}"
        + (withheld if are_all else "")
    )
