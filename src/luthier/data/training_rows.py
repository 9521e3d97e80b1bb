"""What train becomes once nothing of it is held out: weights, new rows, and classes balanced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from luthier.data.assisted import Helpers
from luthier.data.augment import augmented
from luthier.data.ledger import Ledger
from luthier.data.rows import Row
from luthier.data.sample import balanced, weighted
from luthier.recipe.schema import DataSection


def training_rows(
    parts: Mapping[str, Sequence[Row]],
    section: DataSection,
    ledger: Ledger,
    *,
    weights: Mapping[str, float],
    seed: int,
    helpers: Helpers | None = None,
) -> tuple[Sequence[Row], list[str]]:
    """The rows of train, and what was done to get them, in words.

    Args: parts: the rows of each split. weights: file -> weight of its rows. helpers: models.
    Raises: RecipeError, DataError: as `augmented`, `weighted` and `balanced`.
    """
    before = ledger.counts()
    rows = weighted(parts["train"], weights, ledger, seed=seed)
    beside = (parts["validation"], parts["test"])
    rows = augmented(rows, section.augment, ledger, seed=seed, beside=beside, helpers=helpers)
    rows, words = balanced(rows, section.sample, ledger, seed=seed)
    return rows, [*ledger.since(before), *words]
