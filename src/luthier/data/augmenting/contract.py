"""What an augmenter is: of a row of train it makes another with the same target."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from luthier.data.rows import Row


class Augmenter(Protocol):
    """Built as `Component(config)`."""

    Config: Any
    """Its settings."""
    short: ClassVar[str]
    """The setting that a bare number or word stands for; empty: none."""
    why: ClassVar[str]
    """What is done to a row, in a few words; the ledger counts by them."""
    works_on: ClassVar[str]
    """What a row must have, for the message where none has it."""

    per_row: float
    """New rows for every row of train, of which 0.5 makes one of every other."""

    def __init__(self, config: Any) -> None: ...

    def study(self, rows: Sequence[Row], numbers: Sequence[int]) -> None:
        """Look at the rows of train, once and before any is made.

        Args: numbers: new rows that will be asked for of each.
        """
        ...

    def new(self, row: Row, draws: random.Random, copy: int) -> Row | None:
        """A row made of this one: another input of the same kind for which the same is right.

        A function of the row and of what is drawn, as far as possible: rows appended to the files
        change what is made of as few others as can be.
        Args: copy: which of its new rows it is, from 1.
        Returns: None, or an equal row, where nothing is found to change.
        """
        ...


@runtime_checkable
class BackingOff(Protocol):
    """An augmenter that leaves rows to another one, which are counted apart."""

    instead: tuple[str, Augmenter]
    """The name of that one, and itself."""
