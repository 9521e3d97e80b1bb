"""Rows that are far from all others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from luthier.data.checks import checks
from luthier.data.checks.contract import Finding
from luthier.data.points.embedded import Embedded

NEIGHBOURS = 10
_SHOWN_NEIGHBOURS = 3
_FAR = 4.0
"""Robust standard deviations beyond the median distance. Of BANKING77 with 1 % SMS this names 1.4 %
of the rows, 98 of 100 SMS among them, and 0.5 % without."""
_ENOUGH = 0.2
"""Of all rows: where more are far from the others, they are simply various."""


@checks.add
class Outliers:
    """Names the rows whose nearest neighbours are much farther away than those of other rows.

    Source: mean distance to the k nearest neighbours, Angiulli and Pizzuti 2002; the threshold is
    by median and median absolute deviation.
    """

    def look_at(self, embedded: Embedded) -> Iterator[Finding]:
        """One finding with the far rows, the farthest first, each beside its nearest."""
        if not embedded.by.is_learned:
            return
        mean_N, nearest_NK = distances(embedded.vectors_ND)
        usual = float(np.median(mean_N))
        far = _far(mean_N)
        if not len(far) or len(far) > _ENOUGH * len(mean_N):
            return
        finding = Finding(
            "outliers",
            f"rows unlike all others, by {embedded.by.by}{embedded.where}",
            "they belong to something else, or were written by mistake",
            "look at them: leave out what does not belong to the task",
            0.2,
            is_certain=False,
        )
        for at in far:
            rows = [embedded.rows[int(other)] for other in nearest_NK[at, :_SHOWN_NEIGHBOURS]]
            nearest = ", ".join(str(row.origin) for row in rows)
            words = (
                f"distance {mean_N[at]:.2f} to the nearest rows (usually {usual:.2f}): {nearest}"
            )
            finding.add(embedded.rows[int(at)], words, of=rows[0])
        yield finding


def distances(vectors_ND: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Mean cosine distance of each row to its nearest (N,), and their places (N, K), the nearest
    first."""
    neighbours = min(NEIGHBOURS, len(vectors_ND) - 1)
    search = NearestNeighbors(n_neighbors=neighbours, metric="cosine", algorithm="brute")
    found_NK, nearest_NK = search.fit(vectors_ND).kneighbors()
    return found_NK.mean(1), nearest_NK


def _far(mean_N: NDArray[Any]) -> NDArray[np.int64]:
    """Places of the far ones, the farthest first."""
    middle = np.median(mean_N)
    spread = 1.4826 * np.median(np.abs(mean_N - middle))
    order = np.argsort(-mean_N, kind="stable")
    return order[mean_N[order] > middle + _FAR * spread] if spread > 0 else order[:0]
