"""How much general ability moved, with intervals over texts and prompts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luthier.evaluation.bootstrap import Spread, interval
from luthier.evaluation.metrics._mean import mean
from luthier.evaluation.retention.drift import drift
from luthier.evaluation.retention.exchanges import exchanges
from luthier.evaluation.retention.material import paragraphs, prompts
from luthier.evaluation.retention.view import Material, View, material, view
from luthier.evaluation.subject import Subject

MAX_TOKENS = 1_300
NOTICEABLE = 0.02
"""A loss of general text below this share of its NLL is none worth a warning."""


def retention(subject: Subject, *, confidence: float, num_resamples: int) -> dict[str, Any]:
    """NLL of general text before and after, and how far answers to neutral prompts moved.

    Returns: an empty dict for models that predict no text, or without a base model; no figures of
    answers where the context is too short for a prompt.
    """
    if subject.bundle.kind != "causal_lm" or not subject.has_base:
        return {}
    found = material(
        subject.bundle.codec,
        paragraphs(),
        prompts(),
        max_length=min(1024, subject.bundle.facts.context_length),
        max_tokens=MAX_TOKENS,
    )
    with subject.base() as base:
        asked = exchanges(base, found.prompts)
        before = view(base, found.texts, asked)
    after = view(subject.bundle, found.texts, asked)

    def spread(*tables: NDArray[np.float64]) -> Spread:
        return interval(
            tables, mean, confidence=confidence, num_resamples=num_resamples, seed=subject.seed
        )

    measured = {"general_text_nll": _forgotten(found, before, after, spread)}
    if asked:
        measured |= drift(subject, asked, (before, after), spread, confidence=confidence)
    return measured


def _forgotten(
    found: Material, before: View, after: View, spread: Callable[..., Spread]
) -> dict[str, Any]:
    tokens = np.array([len(ids) - 1 for ids in found.texts], np.float64)
    first = np.stack([np.array(before.nlls), tokens], axis=1)
    second = np.stack([np.array(after.nlls), tokens], axis=1)
    base, tuned, moved = spread(first), spread(second), spread(second, first)
    return {
        "base": _document(base, len(tokens)),
        "tuned": _document(tuned, len(tokens)),
        "difference": _document(moved, len(tokens)),
        "tokens": int(tokens.sum()),
        "words": words(base.value, moved),
    }


def words(base: float, moved: Spread) -> str:
    """What a change of NLL says; "as well" only where the interval leaves no room for a loss."""
    share, most = f"{100 * abs(moved.value) / base:.1f} %", f"{100 * moved.high / base:.1f} %"
    if moved.high < 0:
        return f"General English is predicted better than before ({share} less surprise)."
    if moved.high < NOTICEABLE * base:
        return f"General English is predicted as well as before (at most {most} more surprise)."
    if moved.low <= 0:
        return f"No loss of general English is shown, but up to {most} more surprise is possible."
    return (
        f"The model has forgotten something: general English surprises it {share} more than before,"
        f" {most} at most. A lower learning rate, fewer epochs or a lower rank usually keep more."
    )


def _document(spread: Spread, num_rows: int) -> dict[str, float | int]:
    return {"value": spread.value, "low": spread.low, "high": spread.high, "n": num_rows}
