"""Rows of train with those that augmenters make of them; each is counted, and none leaks."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luthier.core.errors import RecipeError
from luthier.core.options import options_of
from luthier.core.seeds import stream
from luthier.data.assisted import Helpers, assist
from luthier.data.augmenting import Augmenter, augmenters
from luthier.data.augmenting.contract import BackingOff
from luthier.data.ledger import Ledger
from luthier.data.on_disk import OnDisk
from luthier.data.rows import Row

_ATTEMPTS = 8
"""Draws for one new row: few words may stay as they are, or become what another row has."""


def augmented(
    rows: Sequence[Row],
    said: Mapping[str, Any],
    ledger: Ledger,
    *,
    seed: int,
    beside: Iterable[Sequence[Row]] = (),
    helpers: Helpers | None = None,
) -> Sequence[Row]:
    """The rows, and behind them the new ones; `ledger` counts these with their reason.

    No new row has the input of another. What is made of a row depends on its content and the seed.
    Args: said: names of augmenters and their settings. beside: the rows of the other splits.
        helpers: models, for augmenters that need one.
    Raises: RecipeError: an unknown name or setting, nothing can be made of these rows, or a model
        is needed and not there.
    """
    asked = augmenters_of(said, helpers)
    if not asked:
        return rows
    known = _Known((rows, *beside))
    found = OnDisk[Row](rows)
    for name, augmenter in asked.items():
        numbers = array("B", (_number(row, name, augmenter.per_row, seed) for row in rows))
        augmenter.study(rows, numbers)
        before = len(found)
        for row, number in zip(rows, numbers, strict=True):
            for why, new in _made(row, name, augmenter, seed, number, known):
                ledger.add(why, new.origin, of=row, new=new)
                found.append(new)
        if len(found) == before:
            raise _in_vain(name, augmenter, rows)
    return found


def augmenters_of(said: Mapping[str, Any], helpers: Helpers | None = None) -> dict[str, Augmenter]:
    """The augmenters of `data.augment` by name.

    Raises: RecipeError: an unknown name or setting, or a model is needed and not there.
    """
    found = built(said)
    for name, augmenter in found.items():
        assist(augmenter, f"data.augment.{name}", helpers)
    return found


def built(said: Mapping[str, Any]) -> dict[str, Augmenter]:
    """The same without models, whether they need one or not. Raises: RecipeError: as there."""
    return options_of(augmenters, dict(sorted(said.items())), where="data.augment")


def _number(row: Row, name: str, per_row: float, seed: int) -> int:
    """New rows that are made of one."""
    whole = int(per_row)
    drawn = stream(seed, "augment", name, row.key(), row.origin.made).random()
    return whole + (drawn < per_row - whole)


def _made(
    row: Row, name: str, augmenter: Augmenter, seed: int, number: int, known: _Known
) -> Iterator[tuple[str, Row]]:
    """So many new rows at most, each with how it was made."""
    names = ("augment", name, row.key(), row.origin.made)  # a row may come more than once
    for copy in range(1, number + 1):
        found = f"{augmenter.why} (data.augment.{name})", f"{name} {copy}"
        new = _new(row, augmenter, stream(seed, *names, copy), copy, known)
        if new is None and isinstance(augmenter, BackingOff):
            other, instead = augmenter.instead
            why = f"{instead.why}, as nothing else was found (data.augment.{name})"
            found = why, f"{name} {copy}, by {other}"
            new = _new(row, instead, stream(seed, *names, other, copy), copy, known)
        if new is not None:
            yield found[0], replace(new, origin=replace(row.origin, made=found[1]))


def _new(
    row: Row, augmenter: Augmenter, draws: random.Random, copy: int, known: _Known
) -> Row | None:
    for _ in range(_ATTEMPTS):
        new = augmenter.new(row, draws, copy)
        if new is None or known.is_new(new):
            return new
    return None


class _Known:
    """Inputs that there are already: 8 bytes for each that was read."""

    def __init__(self, parts: Iterable[Sequence[Row]]) -> None:
        hashes = array("Q")
        for row in (row for rows in parts for row in rows):
            hashes.extend(_hashes(row))
        self._read: NDArray[np.uint64] = np.unique(np.frombuffer(hashes, np.uint64))
        self._made: set[int] = set()

    def is_new(self, row: Row) -> bool:
        """Whether no row has its input, nor a text that leaks as it would; from now on one has."""
        hashes = _hashes(row)
        places = np.searchsorted(self._read, np.array(hashes, np.uint64))
        for found, place in zip(hashes, places, strict=True):
            is_read = place < len(self._read) and int(self._read[place]) == found
            if is_read or found in self._made:
                return False
        self._made.update(hashes)
        return True


def _hashes(row: Row) -> list[int]:
    return [int(key[:16], 16) for key in (row.input_key(), *row.twin_keys())]


def _in_vain(name: str, augmenter: Augmenter, rows: Sequence[Row]) -> RecipeError:
    shape = rows[0].shape() if rows else "no"
    return RecipeError(
        f"recipe data.augment.{name}: nothing new could be made of the {len(rows)} rows of train; "
        f"it works on {augmenter.works_on}, and these are {shape} rows.\n"
        "    Leave it out"
    )
