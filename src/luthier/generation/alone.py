"""Passes of one model over one row at a time, with transformers' own cache: right for any model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache

from luthier.models.key_value_prefix import prefix_of
from luthier.models.mixed import products, types_of


class Alone:
    """The same calls as `Ragged`, for models whose attention a room does not know."""

    num_shared = 0

    def __init__(self, model: Any) -> None:
        self.model, self.device = model, next(model.parameters()).device
        self._types = types_of(model)
        self.cache: DynamicCache | None = None

    def open(self, *, num_slots: int, num_columns: int) -> None:
        """Nothing to take: the cache grows."""
        del num_columns
        assert num_slots == 1
        self.cache = None

    def read(self, prompts: Sequence[NDArray[np.int32]]) -> Tensor:
        """Begin the row; logits (1, V) of the token after it."""
        (prompt,) = prompts
        config, prefix = self.model.config, prefix_of(self.model)
        self.cache = DynamicCache(config=config)
        if prefix is not None:
            self.cache = prefix.cache(config, self.model.dtype, num_rows=1)
        return self._run(prompt.tolist())

    def step(self, ids: Sequence[int]) -> Tensor:
        """Write one token; logits (1, V) of the token after it."""
        return self._run(ids)

    def leave(self, slot: int) -> None:
        """Let go of the row."""
        del slot
        self.cache = None

    def _run(self, ids: Sequence[int]) -> Tensor:
        ids_1T = torch.tensor([list(ids)], device=self.device)
        # the last token as a tensor: a slice of many tokens makes torch copy the head's weight
        with products(self._types, self.device):
            output = self.model(
                input_ids=ids_1T,
                past_key_values=self.cache,
                use_cache=True,
                logits_to_keep=torch.tensor([ids_1T.shape[1] - 1], device=self.device),
            )
        return output.logits[:, -1]
