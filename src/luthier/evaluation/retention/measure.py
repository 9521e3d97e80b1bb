"""How much general ability moved, with intervals over texts and prompts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from luthier.evaluation.bootstrap import Spread, interval
from luthier.evaluation.metrics._mean import mean
from luthier.evaluation.retention.material import paragraphs, prompts
from luthier.evaluation.retention.view import Material, View, chunks, logprobs, material, view
from luthier.evaluation.subject import Subject

MAX_TOKENS = 1_300
NOTICEABLE = 0.02
"""A smaller share of NLL is not worth a sentence."""


def retention(subject: Subject, *, confidence: float, num_resamples: int) -> dict[str, Any]:
    """NLL of general text before and after, and KL(base || tuned) per token on neutral prompts.

    Returns: an empty dict for models that predict no text, or without a base model; no KL where
    the context is too short for a prompt.
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
        before = view(base, found)
    after = view(subject.bundle, found)

    def spread(*tables: NDArray[np.float64]) -> Spread:
        return interval(
            tables, mean, confidence=confidence, num_resamples=num_resamples, seed=subject.seed
        )

    measured = {"general_text_nll": _forgotten(found, before, after, spread)}
    if found.prompts:
        divergence_M = _divergences(subject, found, before, after)
        measured["kl_to_base"] = _drift(found, divergence_M, spread)
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
        "words": _words(base, moved),
    }


def _words(base: Spread, moved: Spread) -> str:
    share = moved.value / base.value if base.value else 0.0
    if moved.low <= 0 <= moved.high or abs(share) < NOTICEABLE:
        return "General English is predicted as well as before."
    if moved.value < 0:
        return f"General English is predicted better than before ({-share:.0%} less surprise)."
    return (
        f"The model has forgotten something: general English surprises it {share:.0%} more than"
        " before. A lower learning rate, fewer epochs or a lower rank usually keep more."
    )


@torch.no_grad()
def _divergences(
    subject: Subject, found: Material, before: View, after: View
) -> NDArray[np.float64]:
    """KL(base || tuned) at every compared position (M,), in nats."""
    parts: list[NDArray[np.float64]] = []
    for part in chunks(found, vocabulary=subject.bundle.facts.vocabulary_size):
        with subject.base() as base:
            base_CV = logprobs(base, before.hidden_MD[part])
        tuned_CV = logprobs(subject.bundle, after.hidden_MD[part])
        divergence_C = (base_CV.exp() * (base_CV - tuned_CV)).sum(-1)
        parts.append(divergence_C.clamp_min(0).double().cpu().numpy())
    return np.concatenate(parts)


def _drift(
    found: Material, divergence_M: NDArray[np.float64], spread: Callable[..., Spread]
) -> dict[str, Any]:
    lines = [(part.sum(), len(part)) for part in np.split(divergence_M, found.ends()[:-1])]
    drift = spread(np.array(lines))
    words = "Nats per token by which answers to neutral prompts moved away from the base model."
    return {"tuned": _document(drift, len(lines)), "words": words}


def _document(spread: Spread, num_rows: int) -> dict[str, float | int]:
    return {"value": spread.value, "low": spread.low, "high": spread.high, "n": num_rows}
