"""Axes: round numbers between two values, and their places on a line."""

from __future__ import annotations

import math
from dataclasses import dataclass

TINY = 1e-10
"""Differences below it are noise on every axis we draw."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps `low`..`high` linearly onto `start`..`end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 2)


def ticks(low: float, high: float, *, count: int = 4) -> list[float]:
    """Round numbers covering `low`..`high`, at about `count` distances."""
    if high - low <= 1e-9 * max(abs(low), abs(high)) + TINY:
        low, high = low - abs(low) * 0.1 - TINY, high + abs(high) * 0.1 + TINY
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * i, 14) for i in range(first, last + 1)]


def short(value: float) -> str:
    """A tick's text: "0.25", "1,200", "2e-4"."""
    if value == 0:
        return "0"
    if abs(value) < 1e-3 or abs(value) >= 1e6:
        mantissa, power = f"{value:.1e}".split("e")
        return f"{float(mantissa):g}e{int(power)}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
