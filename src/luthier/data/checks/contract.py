"""What a check is: it looks at all rows, and says what it found with some of them shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

from luthier.data.formats.contract import Record
from luthier.data.points.embedded import Embedded
from luthier.data.rows import Row

OtherColumns = Callable[[Sequence[Row]], Sequence[Record]]
"""For each of some rows the columns of its record that it does not hold."""
MOST_SHOWN = 5
MOST_NAMED = 10_000


@dataclass(frozen=True, slots=True)
class Shown:
    """One row, as people are shown it."""

    origin: str
    text: str
    beside: str = ""
    """What was found there, or what is said of it."""
    other: str = ""
    """Where what it repeats or contradicts stands; empty: nothing."""
    other_text: str = ""


@dataclass(slots=True)
class Finding:
    """One thing that is wrong with some rows."""

    name: str
    """Of the check or cleaner."""
    title: str
    """What, in a few words, without numbers."""
    harm: str
    """What such rows do to a training."""
    remedy: str
    """What to do: a switch, or what to look at."""
    weight: float
    """What one such row costs, beside a wrong label, which costs 1; findings are ranked by it."""
    stops_from: float = math.inf
    """Share of the rows from which on training does not start; 0: one is enough."""
    is_certain: bool = True
    """False: it may be as it should be, and somebody has to look."""
    count: int = 0
    shown: list[Shown] = field(default_factory=list[Shown])
    places: list[str] = field(default_factory=list[str], repr=False)
    """Where the first of them stand, in the order they were found: the worst first where the check
    ranks them."""

    @property
    def cost(self) -> float:
        """Of all such rows."""
        return self.weight * self.count

    def add(self, row: Row, beside: str = "", *, of: Row | None = None) -> None:
        """One more row; the first few are shown."""
        self.count += 1
        if len(self.places) < MOST_NAMED:
            self.places.append(str(row.origin))
        if len(self.shown) < MOST_SHOWN:
            other = (str(of.origin), of.shown()) if of else ("", "")
            self.shown.append(Shown(str(row.origin), row.shown(), beside, *other))


@runtime_checkable
class Check(Protocol):
    """Stateless; built without arguments. It looks at rows, at points (`Spatial`), or at either."""

    def look(self, rows: Sequence[Row]) -> Iterator[Finding]:
        """What is wrong; nothing where it does not concern such rows."""
        ...


@runtime_checkable
class Spatial(Protocol):
    """A check that looks at rows as points; it is asked instead of `look` where there are some.

    One that can `look` too is asked so only where the points say more than words do.
    """

    def look_at(self, embedded: Embedded) -> Iterator[Finding]:
        """What is wrong; nothing where it does not concern such rows."""
        ...


@runtime_checkable
class Beside(Protocol):
    """A check that looks at rows beside the columns of the files that they do not hold; it is asked
    only where these were kept."""

    def look_beside(self, rows: Sequence[Row], others: OtherColumns) -> Iterator[Finding]:
        """What is wrong; nothing where it does not concern such rows."""
        ...


@dataclass(frozen=True, slots=True)
class Doubt:
    """One row that somebody should look at."""

    at: int
    """Its place among the rows."""
    why: str
    """What speaks against it, for people."""
    guesses: tuple[tuple[str, float], ...] = ()
    """What may be right instead, each with its probability, likeliest first; its own may be one."""


@runtime_checkable
class Doubting(Protocol):
    """A check that knows which rows somebody should look at (`luthier data label`)."""

    turn: ClassVar[int]
    """Rows of the smallest turn are asked first."""

    def doubts(self, rows: Sequence[Row]) -> Iterator[Doubt]:
        """Rows that nobody confirmed, the most doubtful first."""
        ...


def first_only(rows: Sequence[Row], most: int) -> str:
    """What is said of a check that looks at so many rows at most; empty where these are all."""
    return f" (only the first {most:,} rows were looked at)" if len(rows) > most else ""
