"""Figures of whole queries: each stands on the line of its first row."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from luthier.data.rows.ranked import numbers_in
from luthier.evaluation.outcome import Frame, Outcome

Score = Callable[[NDArray[np.float64], NDArray[np.float64]], float]
"""(what was said, what is true), of the documents of one query -> figure."""


def by_query(outcomes: Sequence[Outcome], frame: Frame, score: Score) -> NDArray[np.float64]:
    """Table (N, 2); zeros on the other lines, and for queries with nothing to rank: one document,
    or none that is relevant, or all of them equally."""
    groups: dict[str, list[int]] = {}
    for place, item in enumerate(outcomes):
        groups.setdefault(frame.groups[item.row], []).append(place)
    found = np.zeros((len(outcomes), 2))
    for places in groups.values():
        said = np.concatenate([numbers_in(outcomes[place].text) for place in places])
        true = np.concatenate([numbers_in(outcomes[place].target) for place in places])
        if true.max() > true.min():
            found[places[0]] = score(said, true), 1.0
    return found
