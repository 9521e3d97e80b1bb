"""Models that cannot hold many tokens, as on a small device, and rows of any length for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from tests.contracts.cases import Case, case

from luthier.data.features import Features


def never(found: Case) -> bool:
    """For what fits under no condition."""
    del found
    return False


def limited(tokens: int, *, fits: Callable[[Case], bool] = never) -> Case:
    """A case that runs out of memory beyond so many tokens per micro-batch, unless it `fits`."""
    found = case("lora", "sft")
    healthy = found.objective.loss

    def loss(models: Any, batch: Any) -> Any:
        if batch.num_tokens > tokens and not fits(found):
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return healthy(models, batch)

    found.objective.loss = loss  # type: ignore[method-assign]
    return found


def recomputes(found: Case) -> bool:
    """Whether the next backward pass would form activations again."""
    parts = found.bundle.model.modules()
    return torch.is_grad_enabled() and any(
        getattr(part, "gradient_checkpointing", False) for part in parts
    )


def of_length(like: Features, num_tokens: int) -> Features:
    """A row of so many tokens, all but the first trained."""
    ids = np.resize(like.input_ids, num_tokens).astype(np.int32)
    weights = np.ones(num_tokens, np.float32)
    weights[0] = 0
    return replace(like, input_ids=ids, loss_weights=weights)
