"""Columns of the files that rows do not hold, and that tell their labels: ids, sources, days.

Legend: N rows, K values in order.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from luthier.data.checks import checks
from luthier.data.checks.contract import Finding, OtherColumns
from luthier.data.formats.contract import Record
from luthier.data.on_disk import Chosen
from luthier.data.rows import Row

_GAINS = 0.5
"""Of the errors that the most frequent class makes, so many must be gone."""
_DEVIATIONS = 5.0
"""And so many standard deviations of what chance would give: many columns are looked at."""
_LEAST_ROWS = 50
_MOST_ROWS = 20_000
_MOST_CELLS = 2_000_000
_NEIGHBOURS = 5
_BETTER = 0.01
"""So much more must the order of the values tell than they themselves, to be named."""
_QUARTERS = (0.25, 0.5, 0.75)
_WORDS = 0.1
"""Of the values of a column that are texts of several words at most, so that it may be ordered."""
_SAME = re.compile(
    r"(?:label|class|category|categorie|intent|target|sentiment|emotion|topic|tag)(?:e?s)?"
)
"""Words of names under which the label itself stands once more."""

Whole = NDArray[np.int64]


@checks.add
class TellingColumns:
    """Guesses the class of each half of the rows from one such column, learned on the other half:
    by equal values, and by values that stand next to it in their order."""

    def look_beside(self, rows: Sequence[Row], others: OtherColumns) -> Iterator[Finding]:
        """One finding for each column that tells most classes, the first shown for each class."""
        drawn = _drawn(rows, 1)
        if len(drawn) < _LEAST_ROWS or not any(others(drawn[:_LEAST_ROWS])):
            return
        drawn = _drawn(rows, len({name for columns in others(drawn[:100]) for name in columns}))
        class_N, usual = _classes(drawn)
        if usual == 1.0:
            return
        of = f" (of {len(drawn):,} rows drawn)" if len(drawn) < len(rows) else ""
        for name, values in _columns(others(drawn)).items():
            told, how = _best(values, class_N)
            if _is_much(told, usual, len(drawn)):
                yield _finding(name, values, drawn, class_N, f"{told:.0%} of the labels{how}{of}",
                               usual=usual)  # fmt: skip


def _drawn(rows: Sequence[Row], num_columns: int) -> Sequence[Row]:
    """The rows, or so many of them, evenly spread, that their columns fit into memory."""
    most = min(_MOST_ROWS, max(_LEAST_ROWS, _MOST_CELLS // max(1, num_columns)))
    if len(rows) <= most:
        return rows
    places = np.sort(np.random.default_rng(0).permutation(len(rows))[:most])
    return Chosen(rows, places)


def _classes(rows: Sequence[Row]) -> tuple[Whole, float]:
    """The number of each row's class, and the share of the most frequent; 1 where there are none.

    Several labels or tags are a class together; of numbers each quarter is one.
    """
    names = [row.stratum() or "|".join(sorted(row.brings())) for row in rows]
    if not any(names):
        numbers = [_number(row.target()) for row in rows]
        if any(math.isnan(number) for number in numbers):
            return np.zeros(len(rows), np.int64), 1.0
        cuts = np.unique(np.quantile(numbers, _QUARTERS))
        names = np.searchsorted(cuts, numbers).astype(str).tolist()
    _, class_N, counts = np.unique(names, return_inverse=True, return_counts=True)
    return class_N.astype(np.int64), float(counts.max() / len(names))


def _columns(records: Sequence[Record]) -> dict[str, list[str]]:
    """The values of each column; empty where a record has none."""
    found: dict[str, list[str]] = {}
    for at, record in enumerate(records):
        for name, value in record.items():
            found.setdefault(name, [""] * len(records))[at] = "" if value is None else str(value)
    return {name: values for name, values in found.items() if not _is_label(name)}


def _is_label(name: str) -> bool:
    words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())
    return any(_SAME.fullmatch(word) for word in words)


def _best(values: list[str], class_N: Whole) -> tuple[float, str]:
    """The share of rows whose class is guessed, and how in words, in the better of two ways."""
    half_N = np.random.default_rng(0).permutation(len(values)) % 2
    _, value_N, count = np.unique(values, return_inverse=True, return_counts=True)
    value_N = np.where(count[value_N] > 1, value_N, -1)  # all that come once are alike
    by_value = _told_by_value(value_N.tolist(), class_N, half_N)
    place_N = _in_order(values)
    by_order = _told_by_order(place_N, class_N, half_N) if place_N is not None else 0.0
    is_order = by_order > by_value + _BETTER
    return (by_order, " by its order") if is_order else (by_value, "")


def _told_by_value(values: list[int], class_N: Whole, half_N: Whole) -> float:
    """Share of the rows whose class those of the other half with their value mostly have."""
    seen: list[dict[int, Counter[int]]] = [{}, {}]
    for value, kind, half in zip(values, class_N.tolist(), half_N.tolist(), strict=True):
        seen[half].setdefault(value, Counter())[kind] += 1
    guesses = [{v: held.most_common(1)[0][0] for v, held in one.items()} for one in seen]
    pairs = zip(values, class_N.tolist(), half_N.tolist(), strict=True)
    return sum(guesses[1 - half].get(value) == kind for value, kind, half in pairs) / len(values)


def _in_order(values: list[str]) -> NDArray[np.float64] | None:
    """By what rows stand in the order of a column: numbers, else texts without spaces; None: it has
    no order that says something."""
    numbers = np.array([_number(value) for value in values])
    if np.isfinite(numbers).all():
        return numbers
    if sum(" " in value.strip() for value in values) > _WORDS * len(values):
        return None
    return np.unique(values, return_inverse=True)[1].astype(np.float64)


def _told_by_order(place_N: NDArray[np.float64], class_N: Whole, half_N: Whole) -> float:
    """Share of the rows whose class those of the other half that stand next to it mostly have."""
    drawn_N = np.random.default_rng(1).permutation(len(place_N))  # parts equal places
    right = 0
    for half in (0, 1):
        known = np.flatnonzero(half_N == half)
        known = known[np.lexsort((drawn_N[known], place_N[known]))]
        asked = np.flatnonzero(half_N != half)
        at = np.searchsorted(place_N[known], place_N[asked]) - _NEIGHBOURS // 2
        beside_NK = np.clip(at, 0, len(known) - _NEIGHBOURS)[:, None] + np.arange(_NEIGHBOURS)
        kinds_NK = class_N[known][beside_NK]
        votes_NK = (kinds_NK[:, :, None] == kinds_NK[:, None, :]).sum(2)
        guessed_N = np.take_along_axis(kinds_NK, votes_NK.argmax(1)[:, None], 1)[:, 0]
        right += int((guessed_N == class_N[asked]).sum())
    return right / len(place_N)


def _is_much(told: float, usual: float, num: int) -> bool:
    chance = math.sqrt(usual * (1 - usual) / num)
    return told - usual > max(_GAINS * (1 - usual), _DEVIATIONS * chance)


def _finding(
    name: str, values: list[str], rows: Sequence[Row], class_N: Whole, told: str, *, usual: float
) -> Finding:
    finding = Finding(
        "telling_columns",
        f"column '{name}' alone tells {told}; always the most frequent label would be {usual:.0%}",
        "what the rows of a label have in common there may stand in the text as well; then it is "
        "learned instead of the task, and a test drawn from the same rows does not notice",
        "look whether the text gives it away, never put it into the text, and if new rows will "
        f"have other values of it, test on such: data.group_by={name}",
        0.05,
        is_certain=False,
    )
    first = np.unique(class_N, return_index=True)[1].tolist()
    shown = set(first)
    for at in [*first, *(at for at in range(len(rows)) if at not in shown)]:
        finding.add(rows[at], f"{name} {values[at]!r}, label {rows[at].target()[:60]!r}")
    return finding


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
