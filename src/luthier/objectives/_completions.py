"""Completions behind their prompts as rows of a batch, and what models say of their tokens.

Letters: M completion tokens of all rows of a batch, D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from luthier.core.errors import RecipeError
from luthier.data.batches import micro_batches
from luthier.data.features import Batch, Features
from luthier.generation.native import evaluating
from luthier.models.bundle import Bundle
from luthier.objectives._tokens import collate_tokens
from luthier.objectives.contract import Roles
from luthier.ops.cross_entropy import token_logprobs

PACK_TOKENS = 2048
"""Tokens that are run together without a gradient."""


def longest(
    prompt: Features, max_new_tokens: int, *, context: int, **arrays: NDArray[Any]
) -> Features:
    """A row as long as a completion of this prompt can get within the context of the model."""
    number = max(min(max_new_tokens, context - prompt.num_tokens), 1)
    within = replace(prompt, input_ids=prompt.input_ids[: context - number])
    more = np.full(number, prompt.input_ids[-1], np.int32)
    return completed(within, more, np.ones(number, np.float32), arrays)


def completed(
    prompt: Features,
    ids: NDArray[np.int32],
    weights: NDArray[np.float32],
    arrays: Mapping[str, NDArray[Any]],
) -> Features:
    """Prompt and completion as one row, its completion tokens weighted."""
    whole = np.concatenate([prompt.input_ids, ids])
    loss_weights = np.concatenate([np.zeros(len(prompt.input_ids), np.float32), weights])
    return Features(prompt.row, whole, loss_weights, arrays=dict(arrays))


def collate(features: Sequence[Features], *by_token: str) -> Batch:
    """As `collate_tokens`, with an array of each row beside its tokens: one value per completion
    token, or one that holds for all of them. Shapes: (M,) float32."""
    batch = collate_tokens(features)
    for name in by_token:
        parts = [_by_token(item, item.arrays[name]) for item in features]
        batch.tensors[name] = torch.from_numpy(np.concatenate(parts))
    return batch


def logprobs_of(policy: Bundle, hidden_MD: Tensor, batch: Batch, *, temperature: float) -> Tensor:
    """Log-probabilities (M,) of the completion tokens at this temperature, differentiable.

    Raises: RecipeError: the model caps its logits, which no temperature goes with.
    """
    head = policy.trunk.head()
    if head.softcap and temperature != 1.0:
        raise RecipeError(
            f"recipe objective.temperature: got {temperature:g}, but this model caps its logits "
            "and is drawn from as it is. Set it to 1"
        )
    return token_logprobs(
        hidden_MD,
        head.weight,
        batch.tensors["labels"],
        bias=head.bias,  # within the scale: logits are (hidden @ weight + bias) * scale
        scale=head.scale / temperature,
        softcap=head.softcap,
    )


@torch.no_grad()
def passes(
    bundle: Bundle, features: Sequence[Features]
) -> Iterator[tuple[list[int], Batch, Tensor]]:
    """Hidden states of completion tokens, pack by pack: (rows of the pack, batch, (M, D)).

    The model is in evaluation mode meanwhile.
    """
    device = next(bundle.model.parameters()).device
    lengths = [item.num_tokens for item in features]
    prompts = [item.row for item in features]
    room = max(PACK_TOKENS, *lengths)
    with evaluating(bundle.model):
        for rows in micro_batches(lengths, max_tokens=room, families=prompts):
            batch = collate_tokens([features[row] for row in rows]).to(device)
            yield rows, batch, bundle.trunk.hidden(batch, batch.tensors["at"])


@torch.no_grad()
def frozen_logprobs(
    bundle: Bundle, features: Sequence[Features], *, temperature: float
) -> list[NDArray[np.float32]]:
    """Log-probabilities of each row's completion tokens, as constants."""
    found: dict[int, NDArray[np.float32]] = {}
    for rows, batch, hidden_MD in passes(bundle, features):
        logprobs_M = logprobs_of(bundle, hidden_MD, batch, temperature=temperature)
        found |= by_row(rows, logprobs_M, features)
    return [found[row] for row in range(len(features))]


def by_row(
    rows: Sequence[int], values_M: Tensor, features: Sequence[Features]
) -> dict[int, NDArray[np.float32]]:
    """Values of a pack's completion tokens, cut into rows."""
    counts = [features[row].num_trained for row in rows]
    parts = values_M.float().cpu().split(counts)
    return {row: part.numpy().copy() for row, part in zip(rows, parts, strict=True)}


def reference_logprobs(
    models: Roles, features: Sequence[Features], *, temperature: float
) -> list[NDArray[np.float32]]:
    """The same of the model before tuning, looked at through the tuner: no second model."""
    assert models.reference is not None
    with models.reference() as reference:
        return frozen_logprobs(reference, features, temperature=temperature)


def with_columns(
    features: Sequence[Features], columns: Mapping[str, Sequence[NDArray[Any]]]
) -> list[Features]:
    """The rows with one more array each for every column."""
    return [
        replace(
            item, arrays={**item.arrays, **{name: column[at] for name, column in columns.items()}}
        )
        for at, item in enumerate(features)
    ]


def _by_token(row: Features, array: NDArray[Any]) -> NDArray[np.float32]:
    number = row.num_trained
    whole = np.broadcast_to(array, (number,)) if len(array) == 1 else array[:number]
    return whole.astype(np.float32)
