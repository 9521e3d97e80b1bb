"""Rows after the cleaners that a recipe asks for; every change is in the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from luthier.core.options import options_of
from luthier.data.assisted import Helpers, assist, is_assisted
from luthier.data.cleaning import Change, Cleaner, Knowing, Looking, cleaners
from luthier.data.ledger import Ledger
from luthier.data.on_disk import OnDisk
from luthier.data.rows import Row
from luthier.recipe.data_section import DataSection


def asked_for(said: Mapping[str, Any], helpers: Helpers | None = None) -> dict[str, Cleaner]:
    """The cleaners of `data.clean` by name, in the order in which they work.

    Args: helpers: models, for cleaners that need one.
    Raises: RecipeError: an unknown name or setting, or a model is needed and not there.
    """
    found = built(said)
    for name, cleaner in found.items():
        assist(cleaner, f"data.clean.{name}", helpers)
    return found


def built(said: Mapping[str, Any]) -> dict[str, Cleaner]:
    """The same without models, whether they need one or not. Raises: RecipeError: as there."""
    found = options_of(cleaners, said, where="data.clean")
    return dict(sorted(found.items(), key=lambda item: item[1].rank))


def only_looks(cleaner: Cleaner) -> bool:
    """Whether it changes nothing, so that checks name what it finds."""
    return isinstance(cleaner, Looking) and cleaner.only_looks


def idle_words(asked: Mapping[str, Cleaner]) -> list[str]:
    """What is said of cleaners that change nothing, to whoever wanted files to be changed."""
    return [
        f"data.clean.{name} only looks, so it changes nothing here; luthier data check shows rows"
        for name, one in asked.items()
        if only_looks(one)
    ]


def looking_of(asked: Mapping[str, Cleaner]) -> dict[str, Cleaner]:
    """Those that a check asks what they find, and that change nothing there: they only look, or
    ask a model, which a training does not either."""
    return {name: one for name, one in asked.items() if only_looks(one) or is_assisted(one)}


def without(section: DataSection, names: Collection[str]) -> DataSection:
    """The section without these cleaners."""
    left = {name: value for name, value in section.clean.items() if name not in names}
    return section.model_copy(update={"clean": left})


def usual() -> dict[str, Any]:
    """What `data.clean` says where files are cleaned and nobody says how."""
    kinds = sorted(cleaners.items(), key=lambda item: item[1].rank)
    return {name: True for name, kind in kinds if kind.is_usual}


def knowing(
    asked: Mapping[str, Cleaner],
    rows: Sequence[Sequence[Row]],
    learned: Collection[str] | None = None,
) -> dict[str, Cleaner]:
    """The same cleaners, those that go by all rows with these. Args: learned: as `Knowing` has it.

    Raises: DataError: settings that do not fit the rows.
    """
    return {
        name: one.knowing(chain(*rows), learned) if isinstance(one, Knowing) else one
        for name, one in asked.items()
    }


def cleaned(
    rows: Sequence[Row],
    asked: Mapping[str, Cleaner],
    ledger: Ledger,
    *,
    beside: Sequence[Row] = (),
    drops: bool = True,
) -> Sequence[Row]:
    """The rows as the cleaners leave them; `ledger` counts each change with its reason.

    Args: beside: held-out rows of other files, already cleaned.
        drops: False: texts are changed and no row is left out, as of a test that was given.
    """
    for cleaner in asked.values():
        if only_looks(cleaner):
            continue
        changes = cleaner.changes(rows, beside)
        if not drops:
            changes = (change for change in changes if change.row is not None)
        rows = applied(rows, changes, ledger)
    return rows


def applied(rows: Sequence[Row], changes: Iterator[Change], ledger: Ledger) -> Sequence[Row]:
    """The rows after these changes; the same object where there are none."""
    change = next(changes, None)
    if change is None:
        return rows
    kept = OnDisk[Row]()
    for at, row in enumerate(rows):
        if change is None or change.at != at:
            kept.append(row)
            continue
        if change.row is None:
            beside = f" (as {change.of.origin})" if change.of else ""
            ledger.drop(change.why, row.origin, beside=beside)
        else:
            ledger.change(change.why, row, change.row)
            kept.append(change.row)
        change = next(changes, None)
    return kept
