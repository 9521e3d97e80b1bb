"""Parsed files to three splits: without repetitions, without leaks, and with a limit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from luthier.core.errors import DataError
from luthier.data.duplicates import TIES, Keyed, Repeat, keyed, remove_duplicates, remove_leaks
from luthier.data.ledger import Ledger
from luthier.data.parse import Parsed
from luthier.data.split import Shares, split
from luthier.recipe.schema import DataSection

USUAL_SHARE = 0.1
"""Of the rows, for validation, where nobody said."""


def divide(
    parsed: Mapping[str, list[Parsed]], section: DataSection, ledger: Ledger
) -> tuple[dict[str, list[Keyed]], list[str]]:
    """The rows of each split, without repetitions and leaks, and how that was done, in words.

    Args: parsed: the files of each split; empty where the split is drawn from train.
    Raises: DataError: repetitions or leaks that the recipe does not allow, or too few rows.
    """
    before = {reason: entry.count for reason, entry in ledger.dropped.items()}
    parts = {
        name: _unrepeated([keyed(row) for one in files for row in one.rows], section, ledger)
        for name, files in parsed.items()
    }
    for other, split_name in (("test", "validation"), ("test", "train"), ("validation", "train")):
        parts[split_name] = _unleaked(parts, split_name, other, section, ledger)
    parts["train"] = _limited(parts["train"], section.max_rows, ledger)
    shares = Shares(
        validation=0.0 if parsed["validation"] else validation_share(section),
        test=0.0 if parsed["test"] else section.test_share,
    )
    for name, rows in split(parts["train"], shares).items():
        parts[name] = rows if name == "train" else parts[name] + rows
    drawn = [name for name in ("validation", "test") if getattr(shares, name)]
    how = [f"{name}: {len(rows)} rows" for name, rows in parts.items()]
    words = f"{' and '.join(drawn)} split off train by content hash; " if drawn else ""
    return parts, [*_left_out(ledger, before), words + ", ".join(how)]


def _left_out(ledger: Ledger, before: Mapping[str, int]) -> list[str]:
    """A line for every reason for which more rows than `before` are not used."""
    more = {reason: entry.count - before.get(reason, 0) for reason, entry in ledger.dropped.items()}
    return [
        f"left out: {number} {'row' if number == 1 else 'rows'}, {reason}, such as "
        f"{ledger.dropped[reason].examples[0]}"
        for reason, number in more.items()
        if number
    ]


def validation_share(section: DataSection) -> float:
    """The share that leaves the training rows."""
    return USUAL_SHARE if section.validation_share == "auto" else section.validation_share


def _unrepeated(rows: Sequence[Keyed], section: DataSection, ledger: Ledger) -> list[Keyed]:
    kept, repeats = remove_duplicates(rows, policy=section.on_duplicate)
    _count("exact duplicate within a split", repeats, ledger)
    return kept


def _unleaked(
    parts: Mapping[str, list[Keyed]], name: str, other: str, section: DataSection, ledger: Ledger
) -> list[Keyed]:
    kept = parts[name]
    for tie in TIES:
        kept, leaks = remove_leaks(
            kept, parts[other], tie=tie, policy=section.on_leak, split=name, other=other
        )
        _count(f"{tie} of {name} also in {other}", leaks, ledger)
        if leaks and not kept:
            raise DataError(
                f"every row of {name} has {TIES[tie]} that is also in {other}: "
                "nothing is left of it.\n"
                f"    Give another file: data.{name}"
            )
    return kept


def _count(reason: str, repeats: Sequence[Repeat], ledger: Ledger) -> None:
    for repeat in repeats:
        ledger.drop(reason, repeat.row.origin, beside=f" (as {repeat.of.origin})")


def _limited(rows: list[Keyed], max_rows: int, ledger: Ledger) -> list[Keyed]:
    """At most `max_rows` rows (0: all), in their order, those with the smallest hash."""
    if not max_rows or len(rows) <= max_rows:
        return rows
    # another hash than the one that splits: else only one split would be left
    by_hash = sorted(rows, key=lambda item: hashlib.sha256(item.key.encode()).digest())
    chosen = {id(item) for item in by_hash[:max_rows]}
    for item in rows:
        if id(item) not in chosen:
            ledger.drop("beyond data.max_rows", item.row.origin)
    return [item for item in rows if id(item) in chosen]
