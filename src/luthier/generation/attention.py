"""Attention over a `Room`: each row sees the shared beginning and its own part; nothing is padded.

Registered with transformers as the attention "luthier_room"; a model asks it while `within(room)`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from luthier.generation.mixing import Shape, read, write
from luthier.generation.room import SHARED, Room

NAME = "luthier_room"
_UNKNOWN = ("position_bias", "s_aux", "head_mask")
"""Further inputs of attention that are not handled here."""
_room: ContextVar[Room | None] = ContextVar("room", default=None)


@contextmanager
def within(room: Room, config: Any) -> Generator[None]:
    """The model of `config` sees `room` wherever it attends."""
    before, config._attn_implementation = config._attn_implementation, NAME
    token = _room.set(room)
    try:
        yield
    finally:
        _room.reset(token)
        config._attn_implementation = before


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **settings: Any,
) -> tuple[Tensor, None]:
    """Attention output (1, N, H, E) of queries (1, H, N, E); keys and values are in the room.

    Raises: NotImplementedError: the layer attends in a way that a room does not know.
    """
    del key, value
    room = _room.get()
    unknown = [name for name in _UNKNOWN if settings.get(name) is not None]
    if room is None or unknown or attention_mask is not None or dropout:
        raise NotImplementedError(f"attention with {unknown or 'a mask or dropout'}")
    shape = Shape(
        query.shape[-1] ** -0.5 if scaling is None else scaling,
        float(settings.get("softcap") or 0.0),
        int(settings.get("sliding_window") or 0),
    )
    keys, values = room.layer(int(module.layer_idx))  # type: ignore[arg-type]
    q_KGNE = (query[0] * shape.scaling).unflatten(0, (keys.shared_KPE.shape[0], -1))
    if room.step.is_step:
        own, shared = (keys.own_SKCE, values.own_SKCE), (keys.shared_KPE, values.shared_KPE)
        mixed_NKGE = write(q_KGNE.permute(2, 0, 1, 3), own, shared, room.step, shape)
        return mixed_NKGE.flatten(1, 2)[None], None
    outputs: list[Tensor] = []
    start = 0
    for piece in room.step.pieces:
        num_own, num_shared = piece.first + piece.length, 0 if piece.slot == SHARED else None
        own = (keys.of(piece.slot, num_own), values.of(piece.slot, num_own))
        shared = (keys.shared_KPE[:, :num_shared], values.shared_KPE[:, :num_shared])
        part_KGTE = q_KGNE[:, :, start : start + piece.length]
        outputs.append(read(part_KGTE, own, shared, room.step, shape))
        start += piece.length
    return torch.cat(outputs).flatten(1, 2)[None], None


AttentionInterface.register(NAME, attention)
