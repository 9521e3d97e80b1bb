"""Keys and values of tokens already read: a beginning that all rows share, and each row's own part.

Letters: S slots (rows held at once), K key heads, C columns (own tokens of a row), P shared tokens,
E head width, N tokens of one pass laid end to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from transformers import Cache

SHARED = -1
"""The slot of the beginning that all rows share; it is read first."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive tokens of one row within a pass."""

    slot: int
    first: int
    """Own tokens of the row that were read before."""
    length: int


@dataclass(frozen=True)
class Pass:
    """What one run of the model reads: pieces laid end to end."""

    pieces: tuple[Piece, ...]
    device: torch.device

    @cached_property
    def is_step(self) -> bool:
        """One token of every slot from 0 on: all rows go through attention together."""
        return all(item.length == 1 and item.slot == at for at, item in enumerate(self.pieces))

    @cached_property
    def slots(self) -> Tensor:
        """Where each piece belongs."""
        return torch.tensor([piece.slot for piece in self.pieces], device=self.device)

    @cached_property
    def firsts(self) -> Tensor:
        """Own tokens that were read before, by piece."""
        return torch.tensor([piece.first for piece in self.pieces], device=self.device)


@dataclass(slots=True)
class Stored:
    """Keys or values of one layer, as views that are written in place."""

    own_SKCE: Tensor
    shared_KPE: Tensor

    def of(self, slot: int, length: int) -> Tensor:
        """The first `length` own tokens of a row (K, T, E), or of the shared part itself."""
        whole_KTE = self.shared_KPE if slot == SHARED else self.own_SKCE[slot]
        return whole_KTE[:, :length]

    def write(self, new_KNE: Tensor, step: Pass) -> None:
        """Put the tokens of a pass where they belong."""
        if step.is_step and len(step.pieces) > 1:
            self.own_SKCE[step.slots, :, step.firsts] = new_KNE.transpose(0, 1)
            return
        start = 0
        for piece in step.pieces:
            end = start + piece.length
            self.of(piece.slot, piece.first + piece.length)[:, piece.first :] = new_KNE[
                :, start:end
            ]
            start = end


class Room(Cache):
    """Memory for some rows, taken once and written in place; `attention` reads it.

    To the model it looks like an empty cache: masks and positions are not made from it.
    """

    def __init__(
        self, *, num_shared: int = 0, layers: Sequence[tuple[Tensor, Tensor]] = ()
    ) -> None:
        """Args: layers: keys and values (K, T, E) by layer that the shared part begins with."""
        super().__init__(layers=[])
        self._first = layers
        self.num_shared, self.num_slots, self.num_columns = num_shared, 0, 0
        self.step = Pass((), torch.device("cpu"))
        self._stored: dict[int, tuple[Stored, Stored]] = {}

    def resize(self, *, num_slots: int, num_columns: int) -> None:
        """Forget all own parts and make room for others; old memory is given up first."""
        self.num_slots, self.num_columns = num_slots, num_columns
        parts = [part for pair in self._stored.values() for part in pair]
        for part in parts:
            part.own_SKCE = _room_for(part.own_SKCE, 0, 0)
        for part in parts:
            part.own_SKCE = _room_for(part.own_SKCE, num_slots, num_columns)

    def expect(self, pieces: Sequence[Piece], device: torch.device) -> None:
        """Say what the next pass holds."""
        self.step = Pass(tuple(pieces), device)

    def move(self, *, source: int, target: int, length: int) -> None:
        """Copy a row's own part to another slot."""
        for pair in self._stored.values():
            for stored in pair:
                stored.of(target, length).copy_(stored.of(source, length))

    def layer(self, index: int) -> tuple[Stored, Stored]:
        """Keys and values of a layer that was written."""
        return self._stored[index]

    # --- what transformers asks for ---------------------------------------------------------

    def update(
        self,
        key_states: Tensor,
        value_states: Tensor,
        layer_idx: int,
        *args: object,
        **kwargs: object,
    ) -> tuple[Tensor, Tensor]:
        """Store the keys and values (1, K, N, E) of a pass; gives them back as they came."""
        del args, kwargs
        if layer_idx not in self._stored:
            self._stored[layer_idx] = (self._take(key_states), self._take(value_states))
            self._begin(layer_idx)
        for stored, new_1KNE in zip(
            self._stored[layer_idx], (key_states, value_states), strict=True
        ):
            stored.write(new_1KNE[0], self.step)
        return key_states, value_states

    def get_seq_length(self, layer_idx: int = 0) -> int:
        del layer_idx
        return 0

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        del layer_idx
        return query_length, 0

    def _begin(self, layer_idx: int) -> None:
        if self._first:
            for stored, first_KTE in zip(
                self._stored[layer_idx], self._first[layer_idx], strict=True
            ):
                stored.shared_KPE[:, : first_KTE.shape[1]] = first_KTE

    def _take(self, like_1KNE: Tensor) -> Stored:
        _, heads, _, width = like_1KNE.shape
        empty = like_1KNE.new_empty(0, heads, 0, width)
        shared_KPE = like_1KNE.new_empty(heads, self.num_shared, width)
        return Stored(_room_for(empty, self.num_slots, self.num_columns), shared_KPE)


def _room_for(like_SKCE: Tensor, num_slots: int, num_columns: int) -> Tensor:
    # zeros: what no row has written yet meets a probability of 0, and 0 * nan is nan
    return like_SKCE.new_zeros(num_slots, like_SKCE.shape[1], num_columns, like_SKCE.shape[3])
