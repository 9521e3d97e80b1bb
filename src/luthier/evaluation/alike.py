"""What is known when every row scores alike: resampling equal rows shows no doubt at all."""

from __future__ import annotations

from scipy.special import ndtri


def alike_interval(
    value: float, num_rows: int, *, lowest: float, confidence: float
) -> tuple[float, float]:
    """Interval of a mean of scores between `lowest` and 1 when each of N rows scored `value`.

    Rows that score otherwise were never seen, so they are at most a share z² / (N + z²) of all
    (Wilson 1927 for none of N), and what they score may be anything within the bounds. For scores
    of 0 or 1 this is Wilson's interval; for scores between it is wider than it need be. Where rows
    do not simply add up (macro F1, calibration) it is a rule of thumb.
    """
    z = float(ndtri((1 + confidence) / 2))
    unseen = z * z / (num_rows + z * z)
    return value + unseen * (lowest - value), value + unseen * (1 - value)
