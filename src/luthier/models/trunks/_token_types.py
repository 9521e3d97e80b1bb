"""Which text of a pair every token belongs to, for models that tell the two apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def token_types(config: Any, ids_N: Tensor, lengths: Sequence[int]) -> dict[str, Tensor]:
    """The model's input (1, N): 1 for the second text of a pair; none where it takes none."""
    if getattr(config, "type_vocab_size", 0) < 2:
        return {}
    separator = getattr(config, "sep_token_id", None)
    if separator is None:
        return {"token_type_ids": torch.zeros_like(ids_N)[None]}
    types = [_second_text(part, separator) for part in ids_N.split(list(lengths))]
    return {"token_type_ids": torch.cat(types)[None]}


def _second_text(ids_T: Tensor, separator: int) -> Tensor:
    """0 up to and with the first separator, then 1."""
    ends = (ids_T == separator).long()
    return (ends.cumsum(0) - ends).clamp(max=1)
