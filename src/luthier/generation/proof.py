"""Whether a model may be run over many rows in a room: tried once on the model itself."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from luthier.generation.alone import Alone
from luthier.generation.ragged import Ids, Ragged
from luthier.models.bundle import Bundle

_LENGTHS = (4, 2)
_NUM_SHARED = 3
_RELATIVE = {torch.float32: 1e-3, torch.bfloat16: 6e-2, torch.float16: 2e-2}
"""Differences of summation order stay below; a token that sees a wrong one shifts logits more."""
_KNOWN_LAYERS = {"full_attention", "sliding_attention"}
_FAILURES = (
    NotImplementedError,
    TypeError,
    ValueError,
    RuntimeError,
    AttributeError,
    IndexError,
    KeyError,
)
"""What an architecture raises that asks for more than a room gives."""
_proved: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


NOTE = "answers are written one row at a time: this architecture cannot hold rows side by side"


def passes_for(bundle: Bundle, shared: Ids) -> Ragged | Alone:
    """Many rows at a time where that gives the model's own logits, else, noted, one at a time."""
    model: Any = bundle.model
    if model not in _proved:
        _proved[model] = _is_right(model)
    if _proved[model]:
        return Ragged(model, shared)
    if NOTE not in bundle.notes:
        bundle.notes.append(NOTE)
    return Alone(model)


def _is_right(model: Any) -> bool:
    if not set(getattr(model.config.get_text_config(), "layer_types", None) or ()) <= _KNOWN_LAYERS:
        return False
    draws = np.random.default_rng(0)
    size = int(model.config.get_text_config().vocab_size)
    drawn = [draws.integers(min(5, size - 1), size, n, np.int32) for n in (_NUM_SHARED, *_LENGTHS)]
    prompts = [np.concatenate([drawn[0], rest]) for rest in drawn[1:]]
    alone = Alone(model)
    try:
        found = _logits(Ragged(model, drawn[0]), prompts)
    except _FAILURES:
        return False
    expected = torch.cat([_logits(alone, [prompt]) for prompt in prompts], dim=1)
    limit = _RELATIVE.get(expected.dtype, 1e-3) * float(expected.abs().max())
    return found.shape == expected.shape and bool((found - expected).abs().max() <= limit)


def _logits(passes: Ragged | Alone, prompts: list[Ids]) -> torch.Tensor:
    """After the prompts and after one more token (2, B, V)."""
    passes.open(num_slots=len(prompts), num_columns=max(map(len, prompts)))
    first = passes.read(prompts)
    return torch.stack([first, passes.step([7] * len(prompts))])
