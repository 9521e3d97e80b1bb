"""Rows on a plane, for people to look at: rows that are alike stand together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from luthier.data.points.embedded import Embedded, text_of

MOST_POINTS = 2_000
_MOST_MARKED = 400
_MOST_CHARACTERS = 160
_FEWEST = 50
"""For t-SNE; fewer rows are placed by their two main components."""
_PERPLEXITY = 30


@dataclass(frozen=True, slots=True)
class Point:
    """A row on the plane; 0 to 1 from left to right and from top to bottom."""

    x: float
    y: float
    origin: str
    text: str
    label: str
    marks: list[str]
    """Names of findings that are to be looked at, such as label_noise."""


def plane(embedded: Embedded, suspicious: Mapping[str, Sequence[str]]) -> list[Point]:
    """Some of the rows: those that are suspicious first, then by chance, which is the same chance
    however often it is asked for.

    Args: suspicious: name of a finding -> where its rows stand.
    Source: t-SNE, van der Maaten and Hinton 2008, begun at the main components.
    """
    marks: dict[str, list[str]] = {}
    for name, places in suspicious.items():
        for place in places[:_MOST_MARKED]:
            marks.setdefault(place, []).append(name)
    kept = _kept([str(row.origin) in marks for row in embedded.rows])
    rows = [embedded.rows[int(at)] for at in kept]
    at_N2 = _placed(embedded.vectors_ND[kept])
    return [
        Point(
            round(float(at[0]), 4),
            round(float(at[1]), 4),
            str(row.origin),
            text_of(row)[:_MOST_CHARACTERS],
            row.stratum(),
            marks.get(str(row.origin), []),
        )
        for row, at in zip(rows, at_N2, strict=True)
    ]


def _kept(is_marked: Sequence[bool]) -> NDArray[np.int64]:
    order = np.random.default_rng(0).permutation(len(is_marked))
    first = np.argsort(~np.array(is_marked)[order], kind="stable")
    return np.sort(order[first][:MOST_POINTS])


def _placed(vectors_ND: NDArray[np.float32]) -> NDArray[Any]:
    """Places (N, 2), each from 0 to 1."""
    if len(vectors_ND) < _FEWEST or vectors_ND.shape[1] < 2:
        wide = np.pad(vectors_ND, ((0, 0), (0, max(0, 2 - vectors_ND.shape[1]))))
        found: Any = PCA(2, random_state=0).fit_transform(wide)
    else:
        perplexity = min(_PERPLEXITY, (len(vectors_ND) - 1) // 3)
        found = TSNE(
            2, perplexity=perplexity, init="pca", metric="cosine", random_state=0
        ).fit_transform(vectors_ND)
    low, high = found.min(0), found.max(0)
    return (found - low) / np.maximum(high - low, 1e-9)
