"""Trained keys and values that every token of every layer sees before its own sequence.

Letters: P prefix length, L layers, K key heads, E head width, B sequences, D = K * E.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from luthier.models.added import Added
from luthier.models.soft_prompt import table_of

KeysValues = tuple[Tensor, Tensor]
NAME = "key_value_prefix"
"""Under which a model's table of tokens holds the prefix: with it, before all blocks."""


class KeyValuePrefix(Added):
    """Keys and values (P, 2 L D), trained themselves or as a projection of (P, D) by two layers.

    Real tokens stand at position P and after it.
    Source: Li and Liang 2021, arXiv:2101.00190; order and layers as PEFT's PrefixEncoder.
    """

    def __init__(self, *, length: int, num_layers: int, num_heads: int, head_width: int) -> None:
        super().__init__()
        self.length, self.num_layers = length, num_layers
        self.num_heads, self.head_width = num_heads, head_width
        self.weight = nn.Parameter(torch.zeros(length, 2 * num_layers * self.width))
        self.transform: nn.Sequential | None = None

    @property
    def width(self) -> int:
        """D, which PEFT calls token_dim."""
        return self.num_heads * self.head_width

    def project(self, hidden: int) -> None:
        """Train (P, D) and two layers instead; the second is the long one."""
        device = self.weight.device
        self.transform = nn.Sequential(
            nn.Linear(self.width, hidden, device=device),
            nn.Tanh(),
            nn.Linear(hidden, 2 * self.num_layers * self.width, device=device),
        )
        self.weight = nn.Parameter(torch.randn(self.length, self.width, device=device))

    def outputs(self) -> Tensor:
        """All keys and values (P, 2 L D) in float32, whatever the types around."""
        if self.transform is None:
            return self.weight
        with torch.autocast(self.weight.device.type, enabled=False):
            return self.transform(self.weight)

    def layers(self) -> list[KeysValues]:
        """Keys and values (K, P, E) of every layer in float32."""
        parts = self.outputs().view(self.length, 2 * self.num_layers, self.num_heads, -1)
        pairs = parts.permute(1, 2, 0, 3).unflatten(0, (self.num_layers, 2))
        return [(pair[0], pair[1]) for pair in pairs]

    def cache(self, config: Any, dtype: torch.dtype, *, num_rows: int) -> DynamicCache:
        """What transformers holds after it has read the prefix, for so many sequences."""
        found = DynamicCache(config=config)
        for index, pair in enumerate(self.layers()):
            keys, values = (x.to(dtype).expand(num_rows, -1, -1, -1) for x in pair)
            found.update(keys, values, index)
        return found


def prefix_of(model: nn.Module) -> KeyValuePrefix | None:
    """The prefix that was put into a model, while it is enabled."""
    found = cast("KeyValuePrefix | None", getattr(table_of(model), NAME, None))
    return found if found is not None and found.enabled else None
