"""The tokens that all sequences of a batch begin with, computed once instead of once for each.

Exact under causal attention: what stands before a token does not depend on what follows. A long
system prompt is the usual case.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from luthier.data.features import Batch

_LEAST_SAVED = 0.2
"""Share of a batch's tokens that must be saved: below it the copies of keys cost as much."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A batch whose first sequence is the beginning of all others, and where its tokens went."""

    ids_N: Tensor
    lengths: tuple[int, ...]
    """The beginning, then the rest of every sequence."""
    places: Tensor
    """Index in `ids_N` of every token of the batch."""
    keys: Tensor
    """Index in `ids_N` of every key: the beginning, then each sequence from its first token on."""

    @property
    def num_shared(self) -> int:
        return self.lengths[0]


def share(batch: Batch) -> Shared | None:
    """The batch with its common beginning once; None where little would be saved."""
    num_shared = _common(batch)
    saved = num_shared * (len(batch.lengths) - 1)
    if saved < _LEAST_SAVED * batch.num_tokens or not saved:
        return None
    device = batch.input_ids_N.device
    starts = batch.starts()
    head = torch.arange(num_shared)
    kept, places, keys, at = [head], list[Tensor](), [head], num_shared
    for start, length in zip(starts, batch.lengths, strict=False):
        own = torch.arange(at, at + length - num_shared)
        kept.append(torch.arange(start + num_shared, start + length))
        places.append(torch.cat((head, own)))
        at += len(own)
    keys += places
    return Shared(
        batch.input_ids_N[torch.cat(kept).to(device)],
        (num_shared, *(length - num_shared for length in batch.lengths)),
        torch.cat(places).to(device),
        torch.cat(keys).to(device),
    )


def _common(batch: Batch) -> int:
    """Tokens equal in all sequences from the first on, leaving each at least one of its own."""
    parts = batch.input_ids_N.cpu().split(list(batch.lengths))
    length = min(batch.lengths) - 1
    for part in parts[1:]:
        different = (part[:length] != parts[0][:length]).nonzero()
        length = int(different[0]) if len(different) else length
    return length
