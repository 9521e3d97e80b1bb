"""Intervals of shares of right answers, in closed form: resampling is too sure of itself there.

With every answer right, a bootstrap sees no doubt at all, and with few rows its intervals of paired
differences are slightly too narrow. See docs/evidence.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtri


@dataclass(frozen=True, slots=True)
class ShareDifference:
    """A difference of two shares over the same rows."""

    value: float
    low: float
    high: float
    deviation: float
    """Standard error of the difference."""


def share_interval(successes: float, num_rows: int, *, confidence: float) -> tuple[float, float]:
    """Interval of a share.

    Source: Wilson 1927, Journal of the American Statistical Association 22, 209-212.
    """
    z = float(ndtri((1 + confidence) / 2))
    share = successes / num_rows
    centre = (share + z * z / (2 * num_rows)) / (1 + z * z / num_rows)
    spread = share * (1 - share) / num_rows + z * z / (4 * num_rows**2)
    half = z * math.sqrt(spread) / (1 + z * z / num_rows)
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def paired_difference(
    fixed: int, broken: int, num_rows: int, *, confidence: float
) -> ShareDifference:
    """Share of right answers gained, from rows only the first got right and only the second did.

    Source: Bonett and Price 2012, Journal of Educational and Behavioral Statistics 37, 479-488:
    one row is added to each kind of disagreement before the normal interval is taken.
    """
    z = float(ndtri((1 + confidence) / 2))
    gained, lost = (fixed + 1) / (num_rows + 2), (broken + 1) / (num_rows + 2)
    deviation = math.sqrt((gained + lost - (gained - lost) ** 2) / (num_rows + 2))
    centre, value = gained - lost, (fixed - broken) / num_rows
    low, high = max(-1.0, centre - z * deviation), min(1.0, centre + z * deviation)
    return ShareDifference(value, min(low, value), max(high, value), deviation)
