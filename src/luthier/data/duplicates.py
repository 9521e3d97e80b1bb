"""Exact repetitions within a split, and inputs or groups that stand in two splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from luthier.core.errors import DataError
from luthier.data.rows import Row

Tie = Literal["input", "group"]
TIES: Mapping[Tie, str] = {"input": "an input", "group": "a group (data.group_by)"}
"""What two splits must not share, in words."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Keyed:
    """A row with the hashes of its content and of its input, taken once."""

    row: Row
    key: str
    input_key: str


@dataclass(frozen=True, slots=True)
class Repeat:
    """A row that repeats another."""

    row: Row
    of: Row


def keyed(row: Row) -> Keyed:
    """The row with its hashes."""
    return Keyed(row, row.key(), row.input_key())


def remove_duplicates(
    rows: Sequence[Keyed], *, policy: Literal["remove", "keep", "error"]
) -> tuple[list[Keyed], list[Repeat]]:
    """The rows without exact repetitions (the first stays), and the repetitions.

    Raises: DataError: there are any and the policy is "error".
    """
    if policy == "keep":
        return list(rows), []
    first: dict[str, Keyed] = {}
    kept: list[Keyed] = []
    repeats: list[Repeat] = []
    for item in rows:
        known = first.setdefault(item.key, item)
        if known is item:
            kept.append(item)
        else:
            repeats.append(Repeat(item.row, known.row))
    if repeats and policy == "error":
        raise DataError(
            f"{_count(repeats)} an earlier row exactly: {_shown(repeats)}.\n"
            "    Delete them, or let Luthier: data.on_duplicate = remove (keep leaves them in)"
        )
    return kept, repeats


def remove_leaks(
    rows: Sequence[Keyed],
    others: Sequence[Keyed],
    *,
    tie: Tie,
    policy: Literal["remove", "error"],
    split: str,
    other: str,
) -> tuple[list[Keyed], list[Repeat]]:
    """`rows` without those whose input (or group) stands in `others` too, and those removed.

    Raises: DataError: there are any and the policy is "error".
    """
    held = {name: item.row for item in reversed(others) for name in _tied(item, tie)}
    kept: list[Keyed] = []
    leaks: list[Repeat] = []
    for item in rows:
        of = next((held[name] for name in _tied(item, tie) if name in held), None)
        if of is None:
            kept.append(item)
        else:
            leaks.append(Repeat(item.row, of))
    if leaks and policy == "error":
        raise DataError(
            f"{_count(leaks)} the {tie} of a row of another split ({split} and {other}): "
            f"{_shown(leaks)}.\n"
            f"    The score on {other} would be too good. Delete them, or let Luthier: "
            "data.on_leak = remove"
        )
    return kept, leaks


def _tied(item: Keyed, tie: Tie) -> tuple[str, ...]:
    return (item.input_key, *item.row.twin_keys()) if tie == "input" else item.row.groups()


def _count(repeats: Sequence[Repeat]) -> str:
    return "1 row repeats" if len(repeats) == 1 else f"{len(repeats)} rows repeat"


def _shown(repeats: Sequence[Repeat]) -> str:
    shown = [f"{repeat.row.origin} (as {repeat.of.origin})" for repeat in repeats[:_SHOWN]]
    more = [f"and {len(repeats) - _SHOWN} more"] if len(repeats) > _SHOWN else []
    return ", ".join(shown + more)
