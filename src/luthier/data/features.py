"""One prepared row, and the batch that is made of several: what crosses from data to the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

IGNORE = -100
ANSWERS = "answers"
"""Name of what is said of every token (T,) where more counts than the answer: is it of one?"""
FRAME = "marks"
"""Name of the numbers of marks before and behind a text each of whose words is learned by itself:
also the first of a piece, before which nothing stands."""
PART = "part"
"""Name of what says which text of a pair every token (T,) is of: 0, 1, or -1 for marks."""
PLACES = "marks"
"""Name of what is said of every token (T,) where the places of some are the target: not 0 there."""
PIXELS = "pixels"
"""Name of the tensor (B, C, H, W) that a batch of pictures holds."""


@dataclass(frozen=True, slots=True)
class Features:
    """A row as token ids, with how much each token counts.

    `loss_weights[t]` is the weight of *predicting* token t from those before it (0: not trained);
    index 0 is always 0, but for tags. Objectives that train no tokens leave it empty and use
    `label`.
    A row may hold several sequences, one after the other (two answers, a pair of texts).
    """

    row: int
    """Index of the row in its split."""
    input_ids: NDArray[np.int32]
    loss_weights: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    label: int = IGNORE
    cut_tokens: int = 0
    """Tokens that `on_overflow` removed from this row."""
    sequences: tuple[int, ...] = ()
    """Tokens of each sequence of the row; empty: it is one."""
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])
    """What else the objective knows of the row, such as numbers to be predicted."""
    per_token: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])
    """The same with an entry for every token: cut where the tokens are cut."""

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each sequence of the row."""
        return self.sequences or (len(self.input_ids),)

    def parts(self) -> list[Features]:
        """Its sequences, each as a row of its own with the tokens and weights."""
        ends = np.cumsum(self.lengths)[:-1]
        ids = np.split(self.input_ids, ends)
        has_weights = len(self.loss_weights) > 0
        weights = (
            np.split(self.loss_weights, ends) if has_weights else [self.loss_weights] * len(ids)
        )
        pairs = zip(ids, weights, strict=True)
        return [Features(self.row, part, weight, self.label) for part, weight in pairs]

    @property
    def num_tokens(self) -> int:
        return len(self.input_ids)

    @property
    def num_trained(self) -> int:
        """Tokens with a loss; 0 for a row that trains a label."""
        return int(np.count_nonzero(self.loss_weights))

    def answers(self) -> Features:
        """The same row with the weights of its answers alone, where prompts count too."""
        if ANSWERS not in self.per_token:
            return self
        weights = np.where(self.per_token[ANSWERS], self.loss_weights, np.float32(0))
        return replace(self, loss_weights=weights)


@dataclass(frozen=True, slots=True)
class States:
    """What the frozen part of a model gave for the sequences of a batch, computed before."""

    values: Tensor
    """Of every token (N, D); or (B, D) where the model's head reads one token of each sequence."""
    owner: object
    """The trunk whose `lower` they are from; no other takes them."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences laid end to end without padding.

    Shapes: input_ids_N (N,) int64 with N = sum(lengths); every sequence starts at position 0.
    `tensors` belongs to the objective that collated the batch.
    """

    input_ids_N: Tensor
    lengths: tuple[int, ...]
    rows: tuple[int, ...]
    """Index of every row; as many as sequences where no row holds several."""
    tensors: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    states: States | None = None
    """Of exactly these sequences: a batch made of others has none."""
    sent: Tensor | None = None
    """`input_ids_N` as they were on the CPU, where the batch was moved to another device."""

    @property
    def num_tokens(self) -> int:
        return int(self.input_ids_N.shape[0])

    def starts(self) -> list[int]:
        """Index of the first token of each sequence, and N at the end (as in `cu_seqlens`)."""
        found = [0]
        for length in self.lengths:
            found.append(found[-1] + length)
        return found

    def ids_here(self) -> Tensor:
        """`input_ids_N` on the CPU, without waiting for the device where they came from here."""
        return self.input_ids_N.cpu() if self.sent is None else self.sent

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        moved = {name: tensor.to(device) for name, tensor in self.tensors.items()}
        states = self.states
        if states is not None:
            states = States(states.values.to(device), states.owner)
        ids_N = self.input_ids_N.to(device)
        return Batch(ids_N, self.lengths, self.rows, moved, states, self.ids_here())


def flatten(features: list[Features], **tensors: Tensor) -> Batch:
    """The sequences of `features` end to end, with the objective's own tensors beside them."""
    ids = torch.from_numpy(np.concatenate([item.input_ids for item in features])).long()
    lengths = tuple(length for item in features for length in item.lengths)
    return Batch(ids, lengths, tuple(item.row for item in features), tensors)
