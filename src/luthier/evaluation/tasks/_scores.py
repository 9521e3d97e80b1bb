"""The numbers that an objective reads off a model for each row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from luthier.data.features import Batch
from luthier.data.rows import Row
from luthier.models.bundle import Bundle
from luthier.objectives import Objective, Scorer

Batches = Callable[[Bundle, Objective, Sequence[Row]], Iterator[tuple[list[int], Batch]]]
"""Makes batches of rows, each with the indices of its rows."""


@torch.no_grad()
def scores(
    bundle: Bundle,
    objective: Objective,
    rows: Sequence[Row],
    *,
    batches: Batches,
    tell: Callable[[int, int], None],
) -> NDArray[np.float64]:
    """What the model says of each row (N, C)."""
    assert isinstance(objective, Scorer)
    places: list[int] = []
    found: list[NDArray[np.float64]] = []
    for indices, batch in batches(bundle, objective, rows):
        found.append(objective.outputs(bundle, batch).double().cpu().numpy())
        places += indices
        tell(len(places), len(rows))
    return np.concatenate(found)[np.argsort(places)]
