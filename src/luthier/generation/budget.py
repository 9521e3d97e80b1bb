"""How many rows are held at once, from a budget in bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

CPU_BYTES = 512 << 20
"""What answering many rows may take beside the model, on a CPU."""
GPU_SHARE = 0.5
"""The same as a share of a GPU's free memory."""
LOGIT_BYTES = 12
"""Per row and entry of the vocabulary: the model's logits, float32, and two more while choosing."""


def free_bytes(device: torch.device) -> int:
    """Memory that may be taken on this device."""
    if device.type == "cuda":
        return int(GPU_SHARE * torch.cuda.mem_get_info(device)[0])
    return CPU_BYTES


def token_bytes(config: Any, dtype: torch.dtype) -> int:
    """Keys and values of one token in all layers."""
    config = config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * config.num_hidden_layers * heads * width * dtype.itemsize


def row_bytes(config: Any, dtype: torch.dtype, *, num_columns: int) -> int:
    """One row of `num_columns` own tokens, and its logits."""
    vocabulary = config.get_text_config().vocab_size
    return num_columns * token_bytes(config, dtype) + vocabulary * LOGIT_BYTES


def plan(needs: Sequence[int], slots_for: Callable[[int], int]) -> list[tuple[slice, int]]:
    """Rows, longest first, as runs that share a room, and how many each room holds at once.

    A run goes on until its room is full and rows need less than half of what its first row needs.
    Args: needs: columns by row. slots_for: rows held at once, from their columns.
    """
    found: list[tuple[slice, int]] = []
    start = 0
    while start < len(needs):
        slots = max(1, slots_for(needs[start]))
        end = start
        while end < len(needs) and (end - start < slots or 2 * needs[end] > needs[start]):
            end += 1
        found.append((slice(start, end), min(slots, end - start)))
        start = end
    return found
