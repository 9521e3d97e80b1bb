"""The tokens that neighbouring sequences of a batch begin with, computed once instead of for each.

Exact under causal attention: what stands before a token does not depend on what follows. Two
answers to one prompt and a long system prompt are the usual cases.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from luthier.data.features import Batch

_LEAST_SAVED = 0.2
"""Share of a family's tokens that must be saved: below it the copies of keys cost as much."""
_is_apart: ContextVar[bool] = ContextVar("is_apart", default=False)


@contextmanager
def apart() -> Generator[None]:
    """Within it every sequence is computed whole: for what depends on the sequence a token is in,
    besides the tokens before it."""
    token = _is_apart.set(True)
    try:
        yield
    finally:
        _is_apart.reset(token)


@dataclass(frozen=True, slots=True)
class Shared:
    """A batch cut into runs: sequences of their own, beginnings, and what follows a beginning."""

    kept: Tensor
    """Index in the batch of every token that is computed."""
    lengths: tuple[int, ...]
    """Tokens of each run."""
    before: tuple[int, ...]
    """Tokens that each run sees before its own: those of the beginning that it goes on from."""
    places: Tensor
    """Index in `kept` of every token of the batch."""
    keys: Tensor
    """Index in `kept` of every key: for each run what it sees before its own, then its own."""


@dataclass(frozen=True, slots=True)
class _Family:
    """Neighbouring sequences, `first` up to but without `end`, that begin alike."""

    first: int
    end: int
    num_common: int


def share(batch: Batch) -> Shared | None:
    """The batch with common beginnings once; None where there are none worth it."""
    if len(batch.lengths) < 2 or _is_apart.get():
        return None
    families = _families(batch)
    if not any(family.num_common for family in families):
        return None
    starts = batch.starts()
    kept: list[Tensor] = []
    runs: list[tuple[int, int, int]] = []  # first token, tokens, tokens before
    places: list[Tensor] = []
    keys: list[Tensor] = []
    at = 0
    for family in families:
        common = family.num_common
        head = torch.arange(at, at + common)
        if common:
            runs.append((at, common, 0))
            kept.append(torch.arange(starts[family.first], starts[family.first] + common))
            keys.append(head)
            at += common
        for place in range(family.first, family.end):
            own = torch.arange(at, at + batch.lengths[place] - common)
            runs.append((at, len(own), common))
            kept.append(torch.arange(starts[place] + common, starts[place + 1]))
            keys.append(torch.cat((head, own)))
            places.append(keys[-1])
            at += len(own)
    device = batch.input_ids_N.device
    return Shared(
        torch.cat(kept).to(device),
        tuple(length for _, length, _ in runs),
        tuple(before for _, _, before in runs),
        torch.cat(places).to(device),
        torch.cat(keys).to(device),
    )


def _families(batch: Batch) -> list[_Family]:
    """The way to group neighbours that saves most tokens, and at least a share of each family's.

    `best[end]` is what the first `end` sequences can save at most.
    """
    alike, lengths = _alike(batch), batch.lengths
    best = [0] * (len(lengths) + 1)
    chosen = [_Family(0, 0, 0)] * (len(lengths) + 1)
    for end in range(1, len(lengths) + 1):
        best[end], chosen[end] = best[end - 1], _Family(end - 1, end, 0)
        common, num_tokens = lengths[end - 1] - 1, lengths[end - 1]
        for first in range(end - 2, -1, -1):
            common = min(common, alike[first])
            num_tokens += lengths[first]
            if common <= 0:
                break
            saved = common * (end - first - 1)
            if saved >= _LEAST_SAVED * num_tokens and best[first] + saved > best[end]:
                best[end], chosen[end] = best[first] + saved, _Family(first, end, common)
    found: list[_Family] = []
    end = len(lengths)
    while end:
        found.append(chosen[end])
        end = chosen[end].first
    return found[::-1]


def _alike(batch: Batch) -> list[int]:
    """Tokens that each sequence and the next begin with, leaving both at least one of their own."""
    ids: NDArray[np.int64] = batch.ids_here().numpy()
    parts = np.split(ids, batch.starts()[1:-1])
    found: list[int] = []
    for one, other in pairwise(parts):
        length = min(len(one), len(other)) - 1
        different = np.flatnonzero(one[:length] != other[:length])
        found.append(int(different[0]) if len(different) else length)
    return found
