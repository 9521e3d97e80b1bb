"""What a cleaner is: it says which rows it would change or leave out, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from luthier.data.rows import Row


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to one row."""

    at: int
    """Its place among the rows."""
    why: str
    """In a few words that are the same for all rows so changed; the ledger counts by them."""
    row: Row | None = None
    """What it becomes; None: it is left out."""
    of: Row | None = None
    """What it repeats or contradicts."""
    found: str = ""
    """What was found in it, for people."""
    is_grave: bool = False
    """Whether nobody wants to train with it."""
    caution: str = ""
    """Why it may be no fault at all, so that somebody has to look; empty: it is one."""


class Cleaner(Protocol):
    """Built as `Component(config)`; looks at rows and changes none itself."""

    Config: Any
    """Its settings; where it is asked for by `true`, they are the usual ones."""
    short: ClassVar[str]
    """The setting that a bare number or word stands for; empty: none."""
    rank: ClassVar[int]
    """Cleaners work in this order, smallest first."""
    harm: ClassVar[str]
    """What such rows do to a training, in a sentence for people."""
    weight: ClassVar[float]
    """What one such row costs, beside a wrong label, which costs 1."""
    stops_from: ClassVar[float]
    """Share of the rows from which on training does not start where they are so; infinite: never,
    unless a change is grave."""
    is_usual: ClassVar[bool]
    """Whether it is done where files are cleaned and nobody says how."""

    def __init__(self, config: Any) -> None: ...

    def changes(self, rows: Sequence[Row], beside: Sequence[Row]) -> Iterator[Change]:
        """What it would do, in the order of the rows, at most one change for each.

        Args: rows: those that may be changed. beside: validation and test rows from files of their
            own, which none of `rows` is to be compared away from.
        """
        ...


@runtime_checkable
class Looking(Protocol):
    """A cleaner that can be told to change nothing: checks name what it finds."""

    only_looks: bool


@runtime_checkable
class Knowing(Protocol):
    """A cleaner that goes by the rows of all files, whichever of them it changes."""

    def knowing(self, rows: Iterable[Row], learned: Collection[str] | None = None) -> Cleaner:
        """The same cleaner, which knows these rows.

        Args: learned: classes of a model that the rows are to test; None: these are all rows.
        Raises: DataError: its settings fit none of all rows.
        """
        ...


@runtime_checkable
class Throughout(Protocol):
    """A cleaner of which checks look for what it finds in validation and test rows too."""

    elsewhere: ClassVar[str]
    """What such rows do there, in a sentence for people."""


@runtime_checkable
class Opening(Protocol):
    """A cleaner that opens the files that rows name. A training opens them anyway, so the look at
    its start leaves this one out."""

    opens_files: ClassVar[bool]
