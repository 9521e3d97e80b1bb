"""Small random batches on which ways to run a model are compared before one of them is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from luthier.core.errors import ModelError
from luthier.data.features import Batch
from luthier.models.trunks._scores import answer

RELATIVE = {torch.float32: 1e-3, torch.bfloat16: 6e-2, torch.float16: 2e-2}
"""Differences of summation order stay below; a token that sees a wrong one shifts outputs more."""
_LEAK = {torch.float32: 1e-5}
"""Sums over the same shapes are the same to the bit, or nearly (experts); 1e-3 of other types."""
_LENGTHS = (7, 4, 9)
_ALIKE, _ANSWERS = 6, (4, 7, 3)


def trial(model: Any) -> Batch:
    """A few sequences of unlike length."""
    return _drawn(model, _LENGTHS)


def alike(model: Any) -> Batch:
    """Sequences that begin with the same tokens, and one that does not."""
    drawn = _drawn(model, (_ALIKE, *_ANSWERS, _LENGTHS[1]))
    beginning, *answers, other = drawn.input_ids_N.split(list(drawn.lengths))
    parts = [torch.cat([beginning, answer]) for answer in answers] + [other]
    return Batch(torch.cat(parts), tuple(map(len, parts)), tuple(range(len(parts))))


def leaks(hidden: Callable[[Batch], Tensor], model: Any, dtype: torch.dtype) -> bool:
    """Whether the middle one of three sequences changes with the others.

    A convolution that looks back two tokens, or a state that is carried on, moves outputs by less
    than types with few digits do.
    """
    one, other = trial(model), _drawn(model, _LENGTHS, seed=1)
    first, last = _LENGTHS[0], _LENGTHS[0] + _LENGTHS[1]
    ids = other.input_ids_N.clone()
    ids[first:last] = one.input_ids_N[first:last]
    found, moved = (
        hidden(Batch(ids_N, one.lengths, one.rows))[first:last].float()
        for ids_N in (one.input_ids_N, ids)
    )
    return bool((found - moved).abs().max() > _LEAK.get(dtype, 1e-3) * found.abs().max())


def answered(call: Callable[[Tensor], Any], ids_T: Tensor, model: Any) -> Tensor:
    """What the model itself says of one sequence.

    Raises: ModelError: it asks for more than tokens, as models with an encoder and a decoder may.
    """
    try:
        return answer(call(ids_T[None]))
    except ValueError as error:
        raise ModelError(
            f"{type(model).__name__}: does not run on the tokens of a text alone ({error}), so it "
            "cannot be trained here.\n    Use a model with an encoder alone, such as minilm-l6, or "
            "with a decoder alone, such as smollm2-135m"
        ) from None


def _drawn(model: Any, lengths: tuple[int, ...], *, seed: int = 0) -> Batch:
    device = next(model.parameters()).device
    draws = torch.Generator().manual_seed(seed)
    size = int(model.config.get_text_config().vocab_size)
    ids = torch.randint(min(5, size - 1), size, (sum(lengths),), generator=draws)
    pad = getattr(model.config, "pad_token_id", None)
    ids[ids == pad] = (pad or 0) + 1 if (pad or 0) + 1 < size else 0
    return Batch(ids.to(device), lengths, tuple(range(len(lengths))))
