"""The keys and values of tokens already read, in memory that grows in large steps."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import DynamicLayer

SPARE = 64


class ReservedLayer(DynamicLayer):
    """A `DynamicLayer` that writes new tokens into reserved memory instead of copying all of it.

    `keys` and `values` are views (B, heads, T, width) of the part in use.
    """

    def __init__(self) -> None:
        super().__init__()
        self._room: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        del args, kwargs
        start = self.get_seq_length()
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = start + key_states.shape[-2]
        keys, values = self._reserve(key_states, start=start, end=end)
        keys[:, :, start:end], values[:, :, start:end] = key_states, value_states
        self.keys, self.values = keys[:, :, :end], values[:, :, :end]
        return self.keys, self.values

    def batch_repeat_interleave(self, repeats: int) -> None:
        super().batch_repeat_interleave(repeats)
        self._room = None

    def batch_select_indices(self, indices: Tensor) -> None:
        super().batch_select_indices(indices)
        self._room = None

    def _reserve(self, new: Tensor, *, start: int, end: int) -> tuple[Tensor, Tensor]:
        if self._room is not None and self._room[0].shape[-2] >= end:
            return self._room
        shape = (new.shape[0], new.shape[1], end + SPARE, new.shape[3])
        keys, values = new.new_empty(shape), new.new_empty(shape)
        if start:
            assert self.keys is not None
            assert self.values is not None
            keys[:, :, :start], values[:, :, :start] = self.keys, self.values
        self._room = keys, values
        return self._room


def new_cache(config: PreTrainedConfig) -> DynamicCache:
    """An empty cache for this model; only full-attention layers keep reserved memory."""
    cache = DynamicCache(config=config)
    cache.layers = [
        ReservedLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]
    return cache


def copies(cache: DynamicCache, config: PreTrainedConfig, *, num_rows: int) -> DynamicCache:
    """A cache of `num_rows` rows that all begin with the one row in `cache`; `cache` is kept."""
    copied = new_cache(config)
    for index, layer in enumerate(cache.layers):
        assert isinstance(layer, ReservedLayer)
        keys, values = layer.keys, layer.values
        assert keys is not None
        assert values is not None
        expanded = (num_rows, -1, -1, -1)
        copied.update(keys.expand(expanded), values.expand(expanded), index)
    return copied


def can_copy(cache: DynamicCache) -> bool:
    """Every layer holds all its keys and values, so that rows can be copied by `copies`."""
    return all(type(layer) is ReservedLayer for layer in cache.layers)


def rows_of(indices: list[int], device: torch.device) -> Tensor:
    """`indices` as the tensor that `batch_select_indices` wants."""
    return torch.tensor(indices, dtype=torch.long, device=device)
