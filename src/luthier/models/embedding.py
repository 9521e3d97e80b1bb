"""Vectors of texts by an open model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextvars import copy_context
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from luthier.data.features import Batch, States
from luthier.models.bundle import Bundle
from luthier.ops.pooling import looked_at


def embed(bundle: Bundle, batch: Batch, *, at_once: int = 0) -> Tensor:
    """One vector for each sequence of the batch, (B, D) in float32.

    A batch of more than `at_once` tokens goes through the model piece by piece, and again in the
    backward pass, so that activations of one piece are kept at a time: vectors and gradients are
    those of the whole (up to dropout, which is drawn for each piece). What is set around the call
    for the time of it (`apart`, noise) is set again for the second time.
    Args: at_once: 0: all of it.
    Source: Gao et al. 2021, arXiv:2101.06983 (gradient caching).
    """
    if not 0 < at_once < batch.num_tokens:
        return _embed(bundle, batch)
    groups = _groups(batch.lengths, at_once)
    kept = torch.is_grad_enabled()
    parts = [
        cast(Tensor, checkpoint(copy_context().run, _embed, bundle, part, use_reentrant=False))
        if kept
        else _embed(bundle, part)
        for part in _pieces(batch, groups)
    ]
    found_BD = torch.cat(parts)
    places = torch.tensor([index for group in groups for index in group], device=found_BD.device)
    return found_BD[torch.argsort(places)]


def class_scores(bundle: Bundle, batch: Batch) -> Tensor:
    """Scores (B, C) of classes, float32, by the head behind the vectors."""
    head = bundle.vectors.head
    vectors_BD = embed(bundle, batch)
    return vectors_BD.new_zeros(len(vectors_BD), 0) if head is None else head(vectors_BD)


def _embed(bundle: Bundle, batch: Batch) -> Tensor:
    at_M = looked_at(batch.lengths, bundle.vectors.pooling)
    if at_M is not None:
        at_M = at_M.to(batch.input_ids_N.device)
    return bundle.vectors(bundle.trunk.hidden(batch, at_M), batch.lengths)


def _groups(lengths: Sequence[int], at_once: int) -> list[list[int]]:
    """Indices of sequences of like length, at most `at_once` tokens together (or one alone)."""
    groups: list[list[int]] = []
    room = 0
    for index in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        if not groups or lengths[index] > room:
            groups.append([])
            room = at_once
        groups[-1].append(index)
        room -= lengths[index]
    return groups


def _pieces(batch: Batch, groups: list[list[int]]) -> Iterator[Batch]:
    """Each group as a batch, with what frozen layers gave for its tokens where that is known."""
    lengths, states = list(batch.lengths), batch.states
    parts = batch.input_ids_N.split(lengths)
    known = None if states is None else states.values.split(lengths)
    for group in groups:
        ids_N = torch.cat([parts[index] for index in group])
        piece = Batch(ids_N, tuple(batch.lengths[index] for index in group), tuple(group))
        if states is not None and known is not None:
            values_ND = torch.cat([known[index] for index in group])
            piece = replace(piece, states=States(values_ND, states.owner))
        yield piece
