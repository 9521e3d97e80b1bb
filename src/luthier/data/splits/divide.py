"""Parsed files to three splits: without repetitions, without leaks, and with a limit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from luthier.core.counted import counted
from luthier.core.errors import DataError
from luthier.data.ledger import Ledger
from luthier.data.matching.duplicates import TIES, Repeats, remove_duplicates, remove_leaks
from luthier.data.matching.keyed import Keyed, keyed
from luthier.data.matching.similar import Similar, similar
from luthier.data.parse import Parsed, together
from luthier.data.rows import Row
from luthier.data.splits.by_time import split_by_time
from luthier.data.splits.split import Shares, is_of_many, split
from luthier.recipe.schema import DataSection

USUAL_SHARE = 0.1
"""Of the rows, for validation, where nobody said."""


def divide(
    parsed: Mapping[str, list[Parsed]], section: DataSection, ledger: Ledger
) -> tuple[dict[str, Sequence[Row]], list[str]]:
    """The rows of each split, without repetitions and leaks, and how that was done, in words.

    Args: parsed: the files of each split; empty where the split is drawn from train.
    Raises: DataError: repetitions or leaks that the recipe does not allow, or too few rows.
    """
    before = ledger.counts()
    parts = {
        name: _unrepeated(keyed(together(files)), section, ledger) for name, files in parsed.items()
    }
    for other, split_name in (("test", "validation"), ("test", "train"), ("validation", "train")):
        parts[split_name] = _unleaked(parts, split_name, other, section, ledger)
    parts["train"] = _limited(parts["train"], section.max_rows, ledger)
    shares = Shares(
        validation=0.0 if parsed["validation"] else validation_share(section),
        test=0.0 if parsed["test"] else section.test_share,
    )
    drawn = [name for name in ("validation", "test") if getattr(shares, name)]
    near, words = held_together(parts["train"], shares, section.near_duplicates)
    is_by_time = bool(section.time_by and drawn)
    found = (split_by_time if is_by_time else split)(parts["train"], shares, near=near)
    rows = {name: found[name] if name in ("train", *drawn) else parts[name].rows for name in parts}
    how = [f"{name}: {counted(len(held), 'row')}" for name, held in rows.items()]
    way = f"by time (data.time_by: {section.time_by})" if is_by_time else "by content hash"
    by = f"{' and '.join(drawn)} split off train {way}; " if drawn else ""
    return rows, [*ledger.since(before), *words, by + ", ".join(how)]


def held_together(
    table: Keyed, shares: Shares, threshold: float
) -> tuple[Similar | None, list[str]]:
    """Near-duplicates that are to stay in one split, and what is said of them.

    Rows made by a pattern may all be alike: a crowd larger than a split is not kept together.
    """
    asked = [share for share in (shares.validation, shares.test) if share]
    if not threshold or not asked:
        return None, []
    found = similar(table.rows, threshold)
    most = max(2, int(min(asked) * len(table)))
    is_crowd_P = is_of_many(table, found, most)
    words = _near_words(table, found.only(~is_crowd_P), "so they stay in one split with it")
    words += _near_words(
        table,
        found.only(is_crowd_P),
        f"and over {most} of them hang together: too many for one split, so the test holds rows "
        "much like those of train",
    )
    return found.only(~is_crowd_P), words


def _near_words(table: Keyed, found: Similar, and_so: str) -> list[str]:
    if not len(found):
        return []
    rows = (table.rows[int(places[0])].origin for places in (found.later_P, found.earlier_P))
    row, other = rows
    number = len(np.unique(found.later_P))
    return [
        f"near-duplicates of an earlier row: {number}, such as {row} (of {other}), {and_so} "
        "(data.near_duplicates)"
    ]


def validation_share(section: DataSection) -> float:
    """The share that leaves the training rows."""
    return USUAL_SHARE if section.validation_share == "auto" else section.validation_share


def _unrepeated(table: Keyed, section: DataSection, ledger: Ledger) -> Keyed:
    kept, repeats = remove_duplicates(table, policy=section.on_duplicate)
    _count("exact duplicate within a split", repeats, ledger)
    return kept


def _unleaked(
    parts: Mapping[str, Keyed], name: str, other: str, section: DataSection, ledger: Ledger
) -> Keyed:
    kept = parts[name]
    for tie in TIES:
        kept, leaks = remove_leaks(
            kept, parts[other], tie=tie, policy=section.on_leak, split=name, other=other
        )
        _count(f"{tie} of {name} also in {other}", leaks, ledger)
        if len(leaks) and not len(kept):
            raise DataError(
                f"every row of {name} has {TIES[tie]} that is also in {other}: "
                "nothing is left of it.\n"
                f"    Give another file: data.{name}"
            )
    return kept


def _count(reason: str, repeats: Repeats, ledger: Ledger) -> None:
    for index in range(len(repeats)):
        row, of = repeats.pair(index)
        ledger.drop(reason, row.origin, beside=f" (as {of.origin})")


def _limited(table: Keyed, max_rows: int, ledger: Ledger) -> Keyed:
    """At most `max_rows` rows (0: all), in their order, those with the smallest hash."""
    if not max_rows or len(table) <= max_rows:
        return table
    # another hash than the one that splits: else only one split would be left
    hashes = [hashlib.sha256(row.key().encode()).digest() for row in table.rows]
    is_kept_N = np.zeros(len(table), bool)
    is_kept_N[sorted(range(len(table)), key=hashes.__getitem__)[:max_rows]] = True
    for at in np.flatnonzero(~is_kept_N):
        ledger.drop("beyond data.max_rows", table.rows[int(at)].origin)
    return table.taken(is_kept_N)
