"""Passes of one model over many rows of unlike length, without padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from luthier.generation.attention import within
from luthier.generation.room import SHARED, Piece, Room
from luthier.models.key_value_prefix import prefix_of
from luthier.models.mixed import products, types_of

Ids = NDArray[np.int32]
PASS_TOKENS = {"cpu": 1024, "cuda": 8192}
"""Tokens of prompts read at once, which bounds what a pass needs beside the room."""


class Ragged:
    """Rows in use are slots 0 to `len(lengths)` of a room; all of them begin with `shared`, and
    before it with the trained prefix of a model that has one."""

    def __init__(self, model: Any, shared: Ids) -> None:
        self.model, self.device = model, next(model.parameters()).device
        self._types = types_of(model)
        self.lengths: list[int] = []
        """Own tokens of each row in the room."""
        self.num_shared = len(shared)
        prefix = prefix_of(model)
        self._num_prefix = 0 if prefix is None else prefix.length
        layers = [] if prefix is None else prefix.layers()
        self.room = Room(num_shared=self._num_prefix + len(shared), layers=layers)
        self._pass_tokens = PASS_TOKENS.get(self.device.type, 1024)
        if len(shared):
            self._read([shared], [SHARED])

    def open(self, *, num_slots: int, num_columns: int) -> None:
        """Take memory for so many rows of so many own tokens, none of them in use."""
        self.lengths = []
        self.room.resize(num_slots=num_slots, num_columns=num_columns)

    def read(self, prompts: Sequence[Ids]) -> Tensor:
        """Add rows; logits (B, V) of the token after each. Prompts are whole, `shared` included."""
        rests = [prompt[self.num_shared :] for prompt in prompts]
        slots = range(len(self.lengths), len(self.lengths) + len(rests))
        logits_BV = self._read(rests, slots)
        self.lengths.extend(map(len, rests))
        return logits_BV

    def step(self, ids: Sequence[int]) -> Tensor:
        """Write one token to each row; logits (B, V) of the token after it."""
        pieces = [Piece(slot, length, 1) for slot, length in enumerate(self.lengths)]
        logits_BV = self._run(pieces, np.array(ids, np.int32), range(len(ids)))
        self.lengths = [length + 1 for length in self.lengths]
        return logits_BV

    def leave(self, slot: int) -> None:
        """Take a row out; the last row takes its slot."""
        last = self.lengths.pop()
        if slot < len(self.lengths):
            self.room.move(source=len(self.lengths), target=slot, length=last)
            self.lengths[slot] = last

    def _read(self, rests: Sequence[Ids], slots: Sequence[int]) -> Tensor:
        found: list[Tensor] = []
        by_slot = dict(zip(slots, rests, strict=True))
        for pieces in packs([len(rest) for rest in rests], slots, max_tokens=self._pass_tokens):
            parts = [by_slot[item.slot][item.first :][: item.length] for item in pieces]
            ends = np.cumsum([item.length for item in pieces]) - 1
            is_end = [item.first + item.length == len(by_slot[item.slot]) for item in pieces]
            at = [int(end) for end, is_last in zip(ends, is_end, strict=True) if is_last]
            logits_BV = self._run(pieces, np.concatenate(parts), at or [0])
            found.append(logits_BV[: len(at)])
        return torch.cat(found)

    def _run(self, pieces: Sequence[Piece], ids: Ids, at: Sequence[int]) -> Tensor:
        before = {SHARED: self._num_prefix}
        whole = self._num_prefix + self.num_shared
        positions = [
            np.arange(item.length) + item.first + before.get(item.slot, whole) for item in pieces
        ]
        self.room.expect([self._placed(item) for item in pieces], self.device)
        with within(self.room, self.model.config), products(self._types, self.device):
            output = self.model(
                input_ids=self._tensor(ids)[None],
                position_ids=self._tensor(np.concatenate(positions))[None],
                past_key_values=self.room,
                use_cache=True,
                logits_to_keep=self._tensor(np.array(at)),
            )
        return output.logits[0]

    def _placed(self, item: Piece) -> Piece:
        """Where tokens go in the room: shared ones stand behind the prefix."""
        if item.slot != SHARED:
            return item
        return Piece(SHARED, item.first + self._num_prefix, item.length)

    def _tensor(self, values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(values.astype(np.int64)).to(self.device)


def packs(
    lengths: Sequence[int], slots: Sequence[int], *, max_tokens: int
) -> list[tuple[Piece, ...]]:
    """Rows cut and laid end to end into passes of at most `max_tokens`, in order."""
    found: list[list[Piece]] = [[]]
    room = max_tokens
    for slot, length in zip(slots, lengths, strict=True):
        first = 0
        while first < length:
            if not room:
                found.append([])
                room = max_tokens
            size = min(room, length - first)
            found[-1].append(Piece(slot, first, size))
            first, room = first + size, room - size
    return [tuple(pieces) for pieces in found if pieces]
