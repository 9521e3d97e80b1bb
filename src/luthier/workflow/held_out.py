"""Rows of other sources that the run is validated or tested on."""

from __future__ import annotations

from collections.abc import Sequence

from luthier.data.ledger import Ledger
from luthier.data.load import Loaded
from luthier.data.rows import Row


def without_held_out(rows: Sequence[Row], loaded: Loaded, ledger: Ledger) -> list[Row]:
    """The rows whose input and group stand in neither validation nor test of the run; the others
    are entered as dropped in `ledger`, their source's own.

    Args: loaded: the rows of the run.
    """
    held_out: dict[str, str] = {}
    for split in ("validation", "test"):
        for row in getattr(loaded.splits, split):
            held_out |= dict.fromkeys(ties_of(row), split)
    return [row for row in rows if not _is_held_out(row, held_out, ledger)]


def ties_of(row: Row) -> dict[str, str]:
    """What a row may have in common with another -> what that is called."""
    inputs = dict.fromkeys((row.input_key(), *row.twin_keys()), "input")
    return inputs | {f"group {name}": "group" for name in row.groups()}


def _is_held_out(row: Row, held_out: dict[str, str], ledger: Ledger) -> bool:
    for tie, what in ties_of(row).items():
        if tie in held_out:
            ledger.drop(f"{what} also in {held_out[tie]} of the run", row.origin, split="train")
            return True
    return False
