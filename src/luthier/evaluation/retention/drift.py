"""How far answers to neutral prompts moved away from those of the base model.

Legend: M compared positions, C positions of one chunk, V vocabulary.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from luthier.evaluation.bootstrap import Spread
from luthier.evaluation.proportion import share_interval
from luthier.evaluation.retention.exchanges import MAX_ANSWER, Exchange
from luthier.evaluation.retention.view import View, chunks, logprobs
from luthier.evaluation.subject import Subject

LITTLE, MUCH = 0.1, 1.0
"""Nats per token: below the first the two are close, from the second on far apart."""
SOME, MOST, NEARLY_ALL = 0.1, 0.5, 0.9
"""Shares of prompts that are answered with another first token."""


@dataclass(frozen=True, slots=True)
class _Compared:
    """At every compared position: KL(base || tuned) in nats, and each model's likeliest token."""

    nats_M: NDArray[np.float64]
    base_M: NDArray[np.int64]
    tuned_M: NDArray[np.int64]


def drift(
    subject: Subject,
    asked: Sequence[Exchange],
    views: tuple[View, View],
    spread: Callable[[NDArray[np.float64]], Spread],
    *,
    confidence: float,
) -> dict[str, Any]:
    """KL(base || tuned) per token of the answers, and how many begin with another token.

    Args: asked: with the answers of the base model. views: of the base and the tuned model.
    spread: the interval of a table (N, 2) of sums and counts, one line per prompt.
    """
    found = _compared(subject, *views)
    counts = [item.num_compared for item in asked]
    ends = np.cumsum(counts)
    parts = np.split(found.nats_M, ends[:-1])
    moved = spread(np.array([(part.sum(), len(part)) for part in parts]))
    first = ends - np.array(counts)
    before, after = found.base_M[first], found.tuned_M[first]
    changed = int((before != after).sum())
    low, high = share_interval(changed, len(asked), confidence=confidence)
    share = {"value": changed / len(asked), "low": low, "high": high, "n": len(asked)}
    nats = {"value": moved.value, "low": moved.low, "high": moved.high, "n": len(asked)}
    token, alike = Counter(after.tolist()).most_common(1)[0]
    said = _quoted(subject.bundle.codec.decode([token]))
    return {
        "kl_to_base": {"tuned": nats, "words": nats_words(moved.value)},
        "changed_first_token_share": {
            "tuned": share,
            "words": first_words(changed, len(asked), said, alike),
        },
    }


def nats_words(nats: float) -> str:
    """Whether so many nats per token are much."""
    if nats < LITTLE:
        head = "Answers are close to the base model's"
    else:
        head = "Answers moved" + (" far" if nats >= MUCH else "") + " away from the base model's"
    return (
        f"{head}: nats per token over the first {MAX_ANSWER} tokens that the base model answers to"
        f" neutral prompts. Below {LITTLE} is little, {MUCH:g} or more is much."
    )


def first_words(changed: int, num: int, said: str, alike: int) -> str:
    """What becomes of unrelated requests, from how many of `num` answers begin otherwise.

    Args: said: the commonest beginning now. alike: answers that begin so.
    """
    share = changed / num
    if share >= NEARLY_ALL and alike / num >= NEARLY_ALL:
        every = "every request" if alike == num else "nearly every request"
        return (
            f"It now answers {every} in its trained form: {alike} of {num} neutral prompts get an"
            f" answer that begins with {said}. Keep the base model for other work."
        )
    counted = f"{changed} of {num} answers to neutral prompts begin with another token."
    if share >= MOST:
        return f"Most unrelated requests are answered in another way: {counted}"
    if share > SOME:
        return f"Some unrelated requests are answered in another way: {counted}"
    return f"Unrelated requests are answered much as before: {counted}"


def _quoted(text: str) -> str:
    # on one line: a new line and the like are shown as they are written in code
    shown = json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"')
    return f"“{shown}”" if text else "nothing at all"


@torch.no_grad()
def _compared(subject: Subject, before: View, after: View) -> _Compared:
    parts: list[tuple[NDArray[Any], ...]] = []
    size = subject.bundle.facts.vocabulary_size
    for part in chunks(len(before.hidden_MD), vocabulary=size):
        with subject.base() as base:
            base_CV = logprobs(base, before.hidden_MD[part])
        tuned_CV = logprobs(subject.bundle, after.hidden_MD[part])
        nats_C = (base_CV.exp() * (base_CV - tuned_CV)).sum(-1).clamp_min(0).double()
        tables = nats_C, base_CV.argmax(-1), tuned_CV.argmax(-1)
        parts.append(tuple(table.cpu().numpy() for table in tables))
    return _Compared(*map(np.concatenate, zip(*parts, strict=True)))
