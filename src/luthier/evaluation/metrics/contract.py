"""What a metric is: sums over rows, and a figure made of those sums.

Legend: N rows, K summed columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.outcome import Frame, Outcome


class Metric(Protocol):
    """Means, ratios and corpus-level figures alike are functions of sums over rows; that is what
    makes their intervals and paired differences come from one resampling."""

    words: ClassVar[str]
    """What it says, for a reader who is no specialist."""
    higher_is_better: ClassVar[bool]
    is_share: ClassVar[bool]
    """Every row scores 0 or 1 and the figure is their share."""
    is_bounded: ClassVar[bool]
    """The figure lies between 0 and 1, and so does every row's score where there is one."""
    per_row: ClassVar[bool]
    """The table's two columns are a row's score times weight, and its weight."""

    def fits(self, frame: Frame) -> bool:
        """It says something about such rows."""
        ...

    def table(self, outcomes: Sequence[Outcome], frame: Frame) -> NDArray[np.float64]:
        """What is summed: (N, K), a line of zeros for a row that does not count."""
        ...

    def reduce(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Column sums (..., K) to figures (...)."""
        ...

    def details(self, outcomes: Sequence[Outcome], frame: Frame) -> dict[str, Any]:
        """Figures behind the figure, ready for JSON; often empty."""
        ...
