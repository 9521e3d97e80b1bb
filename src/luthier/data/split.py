"""Rows to train, validation and test: by the hash of their content, each class by its share."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from luthier.core.errors import DataError
from luthier.data.duplicates import Keyed

_DRIFT = 2.0
"""Rows by which a class may always run off its share before the hash is overruled."""
_DRIFT_PER_ROOT = {True: 0.5, False: 1.5}
"""The same for large classes, in square roots of the rows due: with classes, and without."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of rows that leave the training split; 0 takes none."""

    validation: float
    test: float


@dataclass(slots=True)
class _Stratum:
    """Rows of one class met so far (of all rows, where there are no classes)."""

    has_class: bool = False
    met: int = 0
    validation: int = 0
    test: int = 0


def split(rows: Sequence[Keyed], shares: Shares) -> dict[str, list[Keyed]]:
    """The rows of each split, in their given order.

    Rows with the same input or group stay together, also through a chain of others (see `_units`),
    and the hash of what ties them decides. Within a class (all rows, where there are no labels) the
    hash is overruled only where the split has run two rows off its share, and so that ten rows give
    one to each. What is first to bring a class, a label or a type of entity goes to train. Each
    decision depends on the row and on those before it: rows appended later move none, unless they
    tie what was apart. What holds over half of all rows goes to train.
    Raises: DataError: too few rows for the splits asked for.
    """
    parts: dict[str, list[Keyed]] = {"train": [], "validation": [], "test": []}
    if not shares.validation and not shares.test:
        return parts | {"train": list(rows)}
    _check_number(rows, shares)
    decided: dict[str, str] = {}
    strata: dict[str, _Stratum] = {}
    whole = _Stratum()
    learned: set[str] = set()
    units = _units(rows)
    sizes = Counter(units)
    for item, unit in zip(rows, units, strict=True):
        brought = item.row.brings()
        if unit not in decided:
            name = _class_of(item)
            stratum = strata.setdefault(name, _Stratum(has_class=bool(name)))
            is_most = 2 * sizes[unit] > len(rows)
            is_first = not learned.issuperset(brought)
            decided[unit] = (
                "train" if is_most else _decide(unit, stratum, whole, shares, is_first=is_first)
            )
        if decided[unit] == "train":
            learned.update(brought)
        parts[decided[unit]].append(item)
    _check_filled(parts, shares, num_units=len(decided))
    return parts


def _units(rows: Sequence[Keyed]) -> list[str]:
    """Per row, what it must stay together with, by the name of what was met first there.

    Groups and inputs (and pairs of texts) are the nodes of a graph, tied by the rows that have
    them; a unit is what
    hangs together. A row's groups come before its input, so that a file without chains has one
    unit per group.
    """
    above: dict[str, str] = {}  # towards the node of the same unit that was met first
    place: dict[str, int] = {}

    def first(node: str) -> str:
        place.setdefault(node, len(place))
        above.setdefault(node, node)
        while above[node] != node:
            above[node] = above[above[node]]
            node = above[node]
        return node

    ties = [_ties(item) for item in rows]
    for tie in ties:
        ends = sorted({first(node) for node in tie}, key=place.__getitem__)
        above.update(dict.fromkeys(ends, ends[0]))
    return [first(tie[0]) for tie in ties]


def _ties(item: Keyed) -> list[str]:
    groups = (f"group {name}" for name in item.row.groups())
    return [*groups, item.input_key, *item.row.twin_keys()]


def _class_of(item: Keyed) -> str:
    return "" if item.row.group else item.row.stratum()


def _decide(
    unit: str, stratum: _Stratum, whole: _Stratum, shares: Shares, *, is_first: bool
) -> str:
    stratum.met, whole.met = stratum.met + 1, whole.met + 1
    if stratum.met == 1 or is_first:
        return "train"  # no class may be missing there
    drawn = _uniform(unit)
    lowest, highest = _bounds(shares.test, stratum.met, has_class=stratum.has_class)
    drawn_for = drawn < shares.test and stratum.test < highest
    if stratum.test < lowest or drawn_for or whole.test < _first(shares.test, whole.met):
        stratum.test, whole.test = stratum.test + 1, whole.test + 1
        return "test"
    # one row earlier than the test, so that the tenth row can be either's first
    lowest, highest = _bounds(shares.validation, stratum.met + 1, has_class=stratum.has_class)
    drawn_for = shares.test <= drawn < shares.test + shares.validation
    drawn_for = drawn_for and stratum.validation < highest
    first = _first(shares.validation, whole.met + 1)
    if stratum.validation < lowest or drawn_for or whole.validation < first:
        stratum.validation, whole.validation = stratum.validation + 1, whole.validation + 1
        return "validation"
    return "train"


def _bounds(share: float, met: int, *, has_class: bool) -> tuple[int, int]:
    """Fewest and most rows of a class that a split may hold when `met` have been seen."""
    due = round(share * met, 6)
    drift = max(_DRIFT, _DRIFT_PER_ROOT[has_class] * math.sqrt(due))
    return max(_first(share, met), math.ceil(due - drift)), math.floor(due + drift)


def _first(share: float, met: int) -> int:
    """1 as soon as the share of `met` rows is a whole row, else 0."""
    return int(round(share * met, 6) >= 1)


def _uniform(unit: str) -> float:
    digest = hashlib.sha256(f"split {unit}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2.0**64


def _needed(shares: Shares) -> int:
    asked = [share for share in (shares.validation, shares.test) if share]
    return max(math.ceil(round(1 / min(asked), 6)), len(asked) + 1)


def _check_number(rows: Sequence[Keyed], shares: Shares) -> None:
    needed = _needed(shares)
    if len(rows) >= needed:
        return
    raise DataError(
        f"{len(rows)} usable row{'s' if len(rows) != 1 else ''}: too few to split off validation "
        f"({shares.validation:.0%}) and test ({shares.test:.0%}); expected at least {needed}.\n"
        "    Add rows, or give files of your own: data.validation and data.test. Validation can be "
        "left out, data.validation_share = 0; test rows cannot"
    )


def _check_filled(parts: dict[str, list[Keyed]], shares: Shares, *, num_units: int) -> None:
    asked = {"train": 1.0, "validation": shares.validation, "test": shares.test}
    empty = [name for name, share in asked.items() if share and not parts[name]]
    if empty:
        raise DataError(
            f"no row fell to {' or '.join(empty)}: rows with the same input or group stay "
            "together, also in a chain "
            f"(there are {num_units} different ones), and the first row of a class, a label or a "
            "type of entity goes to train.\n"
            "    Add rows, or give files of your own: data.validation and data.test"
        )
