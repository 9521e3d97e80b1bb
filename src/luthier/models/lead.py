"""What stands before every sequence of a tuned model, for those who call the model itself.

Letters: B sequences, T tokens, P positions of a trained prompt or prefix.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from luthier.models.key_value_prefix import prefix_of
from luthier.models.soft_prompt import soft_prompt_of


def led_prompt(model: Any, ids: NDArray[np.int32]) -> NDArray[np.int32]:
    """Token ids with those of the model's trained prompt before them."""
    prompt = soft_prompt_of(model)
    if prompt is None or not prompt.enabled:
        return ids
    return np.concatenate([prompt.ids().cpu().numpy().astype(np.int32), ids])


def called_with(model: Any, ids_BT: Tensor) -> dict[str, Any]:
    """Arguments of one call of the model on whole sequences of one length."""
    found = _begun(model, ids_BT)
    if "past_key_values" in found:
        found["input_ids"] = ids_BT
    return found


def continued_from(model: Any, ids_BT: Tensor) -> dict[str, Any]:
    """Arguments of transformers' `generate` that make it continue the sequences. The tokens of a
    cache must be among its input ids; what they are does not matter."""
    return _begun(model, ids_BT)


def _begun(model: Any, ids_BT: Tensor) -> dict[str, Any]:
    prompt, prefix = soft_prompt_of(model), prefix_of(model)
    found: dict[str, Any] = {}
    if prompt is not None:
        ids_BT = torch.cat([prompt.ids().expand(len(ids_BT), -1), ids_BT], 1)
    if prefix is not None:
        cached_BP = ids_BT.new_zeros(len(ids_BT), prefix.length)
        ids_BT = torch.cat([cached_BP, ids_BT], 1)
        found["past_key_values"] = prefix.cache(model.config, model.dtype, num_rows=len(ids_BT))
    return {"input_ids": ids_BT, "attention_mask": torch.ones_like(ids_BT), **found}
