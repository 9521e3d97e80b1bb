"""Is a grader fit to learn from? What its scores of many completions say, in words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from luthier.graders.contract import Answer, Score

SATURATED_SHARE = 0.95
LENGTH_CORRELATION = 0.85
LENGTH_SHARE = 0.75
"""Of the variance of scores, explained by the length."""
FEWEST = 8
"""From fewer scores nothing is said about their distribution, but that all are the same."""
FEWEST_LENGTHS, FEWEST_A_BIN, MOST_BINS = 5, 4, 32


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that stands against a grader. Nothing can be learned from a broken one."""

    kind: str
    level: Literal["broken", "warning"]
    text: str


@dataclass(frozen=True, slots=True)
class Review:
    """Scores of completions, summed up."""

    num: int
    mean: float
    lowest: float
    highest: float
    quantiles: dict[str, float]
    counts: dict[str, int]
    """Where there are few different scores: how often each was given."""
    length_correlation: float
    parts: dict[str, float]
    """Mean of each part of a combination."""
    undecided_share: float
    """Share of prompts whose completions all score the same (nan: one completion each)."""
    cut_share: float = math.nan
    """Share of completions that did not come to their end (nan: nobody knows)."""
    findings: list[Finding] = field(default_factory=list[Finding])

    @property
    def is_broken(self) -> bool:
        return any(item.level == "broken" for item in self.findings)


def review(
    answers: Sequence[Answer], scores: Sequence[Score], *, bounds: tuple[float, float] | None
) -> Review:
    """What `scores` of `answers` say. Completions of one prompt stand side by side."""
    values = np.array([score.value for score in scores], np.float64)
    finite = values[np.isfinite(values)]
    lengths = np.array([len(answer.completion) for answer in answers], np.float64)
    correlation = rank_correlation(values, lengths) if len(finite) == len(values) else math.nan
    ends = (float(finite.min()), float(finite.max())) if len(finite) else (math.nan, math.nan)
    found = Review(
        num=len(values),
        mean=float(finite.mean()) if len(finite) else math.nan,
        lowest=ends[0],
        highest=ends[1],
        quantiles={
            name: float(np.quantile(finite, share)) if len(finite) else math.nan
            for name, share in (("10 %", 0.1), ("50 %", 0.5), ("90 %", 0.9))
        },
        counts=_counts(finite),
        length_correlation=correlation,
        parts=_parts(scores),
        undecided_share=_undecided(answers, values),
    )
    found.findings.extend([*_failures(answers, scores), *_not_numbers(answers, values)])
    if len(finite) == len(values) > 1 and not found.is_broken:
        found.findings.extend(_constant(found))
        if len(values) >= FEWEST and found.lowest != found.highest:
            found.findings.extend(_distribution(found, values, bounds, lengths))
    return found


def rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Spearman's correlation, nan where one of the two never changes."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])


def length_share(values: NDArray[np.float64], lengths: NDArray[np.float64]) -> float:
    """Share of the variance of scores that the length explains, whatever the form of the relation;
    about 0 where there is none, nan where there are too few lengths or scores to tell.

    Source: the correlation ratio (Pearson 1905) over bins of as many lengths, adjusted for their
    number (Kelley 1935).
    """
    number = min(len(values) // FEWEST_A_BIN, MOST_BINS)
    if number < 3 or len(np.unique(lengths)) < FEWEST_LENGTHS or np.ptp(values) == 0:
        return math.nan
    edges = np.quantile(lengths, np.linspace(0, 1, number + 1)[1:-1])
    bins = np.unique(np.searchsorted(edges, lengths, side="right"), return_inverse=True)[1]
    counts = np.bincount(bins)
    means = np.bincount(bins, values) / counts
    freedom = len(values) - len(counts)
    within = float(((values - means[bins]) ** 2).sum()) / max(freedom, 1)
    return 1 - within / float(values.var(ddof=1))


def _constant(found: Review) -> list[Finding]:
    if found.lowest != found.highest:
        return []
    text = f"is constant: every completion scores {found.lowest:g}, so nothing can be learned"
    return [Finding("constant", "warning", text)]


def _failures(answers: Sequence[Answer], scores: Sequence[Score]) -> list[Finding]:
    failed = [(a, s) for a, s in zip(answers, scores, strict=True) if s.problem]
    if not failed:
        return []
    answer, score = failed[0]
    text = (
        f"fails on {len(failed)} of {len(scores)} completions, which count as the lowest score; "
        f"first at {answer.origin or 'the first row'}: {score.problem}"
    )
    return [Finding("failing", "broken" if len(failed) == len(scores) else "warning", text)]


def _not_numbers(answers: Sequence[Answer], values: NDArray[np.float64]) -> list[Finding]:
    at = np.flatnonzero(~np.isfinite(values))
    if not len(at):
        return []
    place = answers[at[0]].origin or "the first row"
    text = (
        f"gives {values[at[0]]} for {len(at)} of {len(values)} completions, first at {place}: "
        "a score must be a finite number"
    )
    return [Finding("not a number", "broken", text)]


def _distribution(
    found: Review,
    values: NDArray[np.float64],
    bounds: tuple[float, float] | None,
    lengths: NDArray[np.float64],
) -> list[Finding]:
    low, high = bounds or (found.lowest, found.highest)
    findings: list[Finding] = []
    for end, what in ((high, "little is left to learn"), (low, "hardly any example to learn from")):
        share = float((values == end).mean())
        if share >= SATURATED_SHARE:
            text = f"is saturated: {share:.0%} of completions score {end:g}; {what}"
            findings.append(Finding("saturated", "warning", text))
    if abs(found.length_correlation) >= LENGTH_CORRELATION:
        longer = "longer" if found.length_correlation > 0 else "shorter"
        text = (
            f"follows the length alone: {longer} completions score higher (rank correlation "
            f"{found.length_correlation:.2f}); a model will learn to write {longer} ones"
        )
        findings.append(Finding("length", "warning", text))
    elif (share := length_share(values, lengths)) >= LENGTH_SHARE:
        text = (
            f"follows the length alone: completions as long score alike, which explains "
            f"{share:.0%} of how scores differ; a model will learn to write that long"
        )
        findings.append(Finding("length", "warning", text))
    return findings


def _undecided(answers: Sequence[Answer], values: NDArray[np.float64]) -> float:
    groups: dict[tuple[object, ...], set[float]] = {}
    for answer, value in zip(answers, values.tolist(), strict=True):
        groups.setdefault((answer.origin, answer.messages), set()).add(value)
    if len(groups) == len(answers):
        return math.nan
    return sum(len(found) == 1 for found in groups.values()) / len(groups)


def _counts(values: NDArray[np.float64]) -> dict[str, int]:
    found = Counter(f"{value:g}" for value in sorted(values.tolist()))
    return dict(found) if len(found) <= 10 else {}


def _parts(scores: Sequence[Score]) -> dict[str, float]:
    names = dict.fromkeys(name for score in scores for name in score.parts)
    return {
        name: float(np.mean([score.parts[name] for score in scores if name in score.parts]))
        for name in names
    }
