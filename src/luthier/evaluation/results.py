"""The shape of `evaluation.json`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["better", "no_evidence", "worse"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric over n rows with its interval (Wilson's for shares, else by resampling)."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What one arm said to one test row."""

    row: int
    text: str
    """Generated text, or the name of the class."""
    scores: dict[str, float] = field(default_factory=dict[str, float])
    """Metric -> score of this row (1/0 for matches, nats for NLL per token)."""
    weight: dict[str, float] = field(default_factory=dict[str, float])
    """Metric -> what the score is averaged over (default 1; tokens for NLL)."""
    probabilities: tuple[float, ...] = ()
    """Class probabilities, where there are classes."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Tuned against the strongest arm that did not train the model."""

    outcome: Outcome
    metric: str
    against: str
    difference: float
    low: float
    high: float
    n: int
    detectable: float
    """Smallest difference this test could have seen with 80 % power."""
    p_value: float
    """Two-sided, from swapping the two arms' answers row by row: exact McNemar where scores are
    0/1; else, with many rows, at least 1 / (num_resamples + 1)."""
    words: str
    rival: str = ""
    """The strongest cheap method without this model, where it is not `against` itself."""
    rival_outcome: Outcome | Literal[""] = ""
    """The tuned model against the rival, judged in the same way."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything found out about a run on its test rows."""

    arms: dict[str, dict[str, Estimate]]
    verdict: Verdict
    answers: dict[str, list[Answer]]
    flips: dict[str, list[int]]
    """"fixed" and "broken": test rows on which the tuned model scores better, or worse, than
    `against`."""
    retention: dict[str, Any] = field(default_factory=dict[str, Any])
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    """Per class figures, calibration, confusion, prompts used, seconds per arm."""
