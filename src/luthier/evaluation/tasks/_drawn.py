"""Which training rows the untrained model is helped with: all, or so many that hold every class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from luthier.core.seeds import stream
from luthier.data.rows import Multilabeled, Row, Tagged

R = TypeVar("R", bound=Row)


def _one(row: Row) -> int:
    del row
    return 1


def some(rows: Sequence[R], most: int, *, seed: int, size: Callable[[R], int] = _one) -> list[R]:
    """All rows, or as many drawn as hold `most`, in their order; no class is missing among them.

    Args: size: what `most` counts of a row, such as its words; default: the row itself.
    """
    first: list[int] = []
    rest: list[int] = []
    met: set[str] = set()
    for place in stream(seed, "frozen features").sample(range(len(rows)), len(rows)):
        names = set(_classes(rows[place]))
        (rest if names <= met else first).append(place)
        met |= names
    drawn = [*first, *rest]
    held = np.cumsum([size(rows[place]) for place in drawn])
    number = max(len(first), int(np.searchsorted(held, most, side="right")))
    return [rows[place] for place in sorted(drawn[:number])]


def fitted_to(fitted: Sequence[Any], rows: Sequence[Any]) -> str:
    """How a method's name goes on where it was not fitted to all training rows."""
    if len(fitted) == len(rows):
        return ""
    return f", fitted to {len(fitted):,} of {len(rows):,} training rows"


def _classes(row: Row) -> Iterable[str]:
    if isinstance(row, Tagged):
        return row.tags
    return row.labels if isinstance(row, Multilabeled) else (row.stratum(),)
