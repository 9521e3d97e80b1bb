"""One answer, given piece by piece while it is written."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from luthier.core.errors import ModelError
from luthier.generation.choose import generators_for, next_tokens
from luthier.generation.proof import passes_for
from luthier.models.bundle import Bundle
from luthier.models.lead import led_prompt

UNFINISHED = "�"
"""What a tokenizer shows for a character whose bytes are not all there yet."""


def stream(
    bundle: Bundle,
    prompt_ids: NDArray[np.int32],
    *,
    max_new_tokens: int = 512,
    temperature: float = 0.0,
    seed: int = 0,
) -> Iterator[str]:
    """Pieces of the answer as they are written; joined they are its whole text.

    Raises: ModelError: the model writes no text, or the prompt fills its context.
    """
    if bundle.kind != "causal_lm":
        raise ModelError(f"model {bundle.source.reference}: a {bundle.kind} cannot chat")
    room = bundle.facts.context_length - len(prompt_ids)
    if room < 1:
        raise ModelError(
            f"prompt: {len(prompt_ids)} tokens, but the model reads at most"
            f" {bundle.facts.context_length}. Shorten it, or begin a new conversation."
        )
    ids: list[int] = []
    shown = ""
    for token in _tokens(bundle, prompt_ids, min(room, max_new_tokens), temperature, seed):
        ids.append(token)
        text = bundle.codec.decode(ids)
        if text.endswith(UNFINISHED):
            continue
        yield text[len(shown) :]
        shown = text
    rest = bundle.codec.decode(ids)[len(shown) :]
    if rest:
        yield rest


def _tokens(
    bundle: Bundle, prompt_ids: NDArray[np.int32], limit: int, temperature: float, seed: int
) -> Iterator[int]:
    bundle.model.eval()
    generators = generators_for([0], seed=seed)
    prompt = led_prompt(bundle.model, np.asarray(prompt_ids, np.int32))
    with torch.inference_mode():
        passes = passes_for(bundle, prompt[:0])
        passes.open(num_slots=1, num_columns=len(prompt) + limit)
    last = None
    for _ in range(limit):
        with torch.inference_mode():
            logits_1V = passes.read([prompt]) if last is None else passes.step([last])
            ids_1, _ = next_tokens(logits_1V, temperature=temperature, generators=generators)
        last = int(ids_1[0])
        if last in bundle.codec.end_of_turn_ids:
            return
        yield last
