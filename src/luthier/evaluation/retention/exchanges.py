"""Neutral prompts with the beginning of the base model's own answers: there both are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from luthier.generation import Completion, generate
from luthier.models.bundle import Bundle

MAX_ANSWER = 16
"""Tokens of an answer that are compared; the first of them says most."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A prompt and what the base model says to it."""

    ids: NDArray[np.int32]
    """Prompt and answer, without the last token, which is only predicted."""
    num_compared: int
    """So many last positions predict one token of the answer each, its end included."""


def exchanges(base: Bundle, prompts: Sequence[NDArray[np.int32]]) -> tuple[Exchange, ...]:
    """Every prompt with the base model's greedy answer, cut short."""
    written = generate(base, prompts, max_new_tokens=MAX_ANSWER)
    return tuple(_exchange(*item) for item in zip(prompts, written, strict=True))


def _exchange(prompt: NDArray[np.int32], answer: Completion) -> Exchange:
    # a prompt that fills the context has no answer, but a first token of one is predicted still
    num_compared = max(1, len(answer.ids) + answer.finished)
    ids = np.concatenate([prompt, answer.ids])[: len(prompt) - 1 + num_compared]
    return Exchange(ids, num_compared)
