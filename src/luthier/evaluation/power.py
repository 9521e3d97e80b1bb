"""How small a difference a test set can show."""

from __future__ import annotations

import math

from scipy.special import ndtri

POWER = 0.8


def detectable(deviation: float, *, confidence: float = 0.95, power: float = POWER) -> float:
    """Smallest true difference that an interval excludes zero for in a `power` share of tests.

    Args: deviation: standard error of the difference.
    Source: Cohen 1988, Statistical Power Analysis, chapter 2: (z_confidence + z_power) * error.
    """
    return float(ndtri((1 + confidence) / 2) + ndtri(power)) * deviation


def error_of(low: float, high: float, *, confidence: float) -> float:
    """The standard error that a normal interval of this width stands for."""
    return (high - low) / 2 / float(ndtri((1 + confidence) / 2))


def detectable_share(
    num_rows: int, *, disagreement: float = 0.2, confidence: float = 0.95
) -> float:
    """The same for a share of right answers before anything is measured.

    Args: disagreement: share of rows on which the two models differ.
    """
    return min(1.0, detectable(math.sqrt(disagreement / num_rows), confidence=confidence))


def rows_needed(difference: float, *, disagreement: float = 0.2, confidence: float = 0.95) -> int:
    """Test rows with which a true `difference` of shares is seen in 80 % of tests."""
    factor = detectable(1.0, confidence=confidence) / difference
    return math.ceil(disagreement * factor * factor)
