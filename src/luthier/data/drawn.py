"""Some of many rows: the same ones however often they are asked for, and when others are added."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def drawn(content_N: NDArray[Any], *, most: int) -> NDArray[np.int64]:
    """Places of so many rows at most, rising: those with the smallest hashes of their content."""
    if len(content_N) <= most:
        return np.arange(len(content_N))
    return np.sort(np.argpartition(content_N, most)[:most])


def drawn_only(looked_at: int, of: int) -> str:
    """What is said of what was found in some of the rows; empty where these are all."""
    return f" (of {looked_at:,} rows drawn from {of:,})" if looked_at < of else ""
