"""Trunks that can go on from what the frozen blocks at the bottom gave, proved when they are built.

A trunk takes part by having `frozen` and `lower` and by looking for `states_of(batch, self)` where
it begins; nothing else of it is told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from luthier.data.features import Batch, States
from luthier.models.blocks import Frozen, frozen_of
from luthier.models.bundle import Kind, Trunk
from luthier.models.trunks._trial import RELATIVE, trial


@runtime_checkable
class Divisible(Protocol):
    """A trunk whose frozen blocks need not be run again for a row that they have seen."""

    frozen: Frozen
    """What can be left out; its depth is 0 where nothing can."""
    notes: list[str]

    def lower(self, batch: Batch) -> list[Tensor]:
        """What the frozen blocks give for each sequence (T, D), without dropout and gradient.

        Where no block moves these are the final hidden states; of a classifier of sequences the
        one (1, D) that its scores are read from.
        """
        ...


def states_of(batch: Batch, trunk: object) -> Tensor | None:
    """The states of every token (N, D) from which `trunk` may go on; None: it starts from ids."""
    states = batch.states
    if states is None or states.owner is not trunk or len(states.values) != batch.num_tokens:
        return None
    return states.values


def read_states(batch: Batch, trunk: Divisible) -> Tensor | None:
    """The states (B, D) that class scores are read from, where the batch brings these."""
    states = batch.states
    if states is None or states.owner is not trunk or not trunk.frozen.scores_only:
        return None
    return states.values


def onto(batch: Batch, states: Sequence[Tensor], trunk: object) -> Batch:
    """The batch with what `trunk.lower` gave for each of its sequences."""
    return Batch(
        batch.input_ids_N,
        batch.lengths,
        batch.rows,
        batch.tensors,
        States(torch.cat(list(states)), trunk),
    )


def divide(trunk: object, model: nn.Module, *, kind: Kind, dtype: torch.dtype) -> None:
    """Tell a divisible trunk what is frozen, unless going on from there is not the same.

    The outputs for a small batch and the gradient of everything that moves are compared.
    """
    if not isinstance(trunk, Divisible):
        return
    # scores of a mean need the states of all tokens
    is_scored = kind == "sequence_classifier"
    for scores in dict.fromkeys((is_scored, False)):
        trunk.frozen = frozen_of(model, scores=scores)
        if not trunk.frozen.depth or _is_same(trunk, model, kind=kind, dtype=dtype):
            return
    trunk.frozen = Frozen()
    trunk.notes.append(
        "frozen layers are computed anew in every epoch: what moves reaches below them, or this "
        "architecture cannot go on from hidden states"
    )


def _is_same(trunk: Any, model: nn.Module, *, kind: Kind, dtype: torch.dtype) -> bool:
    was_training = model.training
    model.eval()
    try:
        with torch.enable_grad():
            batch = trial(model)
            whole = _run(trunk, batch, model, kind)
            part = _run(trunk, onto(batch, trunk.lower(batch), trunk), model, kind)
    finally:
        model.train(was_training)
    limit = RELATIVE.get(dtype, 1e-3)
    return all(_is_near(one, other, limit) for one, other in zip(part, whole, strict=True))


def _run(trunk: Trunk, batch: Batch, model: nn.Module, kind: Kind) -> list[Tensor | None]:
    """Outputs, and the gradient of every moving parameter (None where it has no part)."""
    found = trunk.scores(batch) if kind == "sequence_classifier" else trunk.hidden(batch)
    moved = [p for p in model.parameters() if p.requires_grad]
    if not found.requires_grad:
        return [found, *[None] * len(moved)]
    draws = torch.Generator().manual_seed(0)
    weight = torch.randn(found.shape, generator=draws).to(found.device)
    total = (found.float() * weight).sum()
    return [found.detach(), *torch.autograd.grad(total, moved, allow_unused=True)]


def _is_near(one: Tensor | None, other: Tensor | None, limit: float) -> bool:
    if one is None or other is None:
        return one is other
    if one.is_sparse:
        one, other = one.to_dense(), other.to_dense()
    return bool((one.float() - other.float()).norm() <= limit * other.float().norm() + 1e-12)
