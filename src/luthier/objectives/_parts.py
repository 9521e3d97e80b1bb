"""Rows of another source that are trained beside the main ones, under an objective of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import floor

import numpy as np
from numpy.typing import NDArray

from luthier.core.seeds import derive
from luthier.data.features import Features
from luthier.data.order import order
from luthier.objectives.contract import Objective

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Part:
    """A source. Its losses are added to those of an update as sums and counts, so that a token of
    it weighs as much as one of any other source. Where its objective counts something else than the
    main one, it weighs by its share of the rows."""

    name: str
    objective: Objective
    features: Sequence[Features]
    rows_per_update: float
    """On average; it need not be whole."""

    def rows(self, step: int, *, seed: int) -> list[Features]:
        """Rows of the update after `step` updates: a pure function of (seed, step).

        Rows are taken one after the other from permutation after permutation of them all.
        """
        first, last = (floor(at * self.rows_per_update + _ROUNDING) for at in (step, step + 1))
        found: list[Features] = []
        for position in range(first, last):
            epoch, place = divmod(position, len(self.features))
            among = _order(len(self.features), derive(seed, "part", self.name), epoch)
            found.append(self.features[int(among[place])])
        return found


@lru_cache(maxsize=16)
def _order(num_rows: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """`order`, sorted once for all rows of an epoch: a source may have a million. Read only."""
    return order(num_rows, seed=seed, epoch=epoch)
