"""Are two sets of right/wrong answers to the same rows different by more than chance?"""

from __future__ import annotations

from scipy.stats import binomtest


def mcnemar(fixed: int, broken: int) -> float:
    """Two-sided exact p-value from rows only the first got right and rows only the second did.

    Source: McNemar 1947, Psychometrika 12, 153-157, with the binomial distribution instead of its
    normal limit. 1.0 when the two never disagree.
    """
    if fixed + broken == 0:
        return 1.0
    return float(binomtest(fixed, fixed + broken, 0.5).pvalue)
