"""Cross-entropy of weighted tokens: what every language objective trains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from luthier.data.features import Batch, Features, flatten
from luthier.models.bundle import Bundle
from luthier.ops.cross_entropy import linear_cross_entropy, smoothed_cross_entropy


def collate_tokens(features: Sequence[Features]) -> Batch:
    """Sequences end to end, and which hidden states predict which weighted token.

    Shapes: `at` (M,) int64 positions, sorted; `labels` (M,) int64; `weights` (M,) float32.
    """
    at: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    start = 0
    for item in features:
        trained = np.flatnonzero(item.loss_weights[1:]) + 1
        at.append(start + trained - 1)
        labels.append(item.input_ids[trained])
        weights.append(item.loss_weights[trained])
        start += item.num_tokens
    return flatten(
        list(features),
        at=_tensor(at, torch.int64),
        labels=_tensor(labels, torch.int64),
        weights=_tensor(weights, torch.float32),
    )


def token_loss(policy: Bundle, batch: Batch, *, smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
    """Weighted sum of the negative log-likelihood in nats, and the sum of the weights.

    Args: smoothing: of the labels, while the model trains; a validation is without it.
    """
    tensors = batch.tensors
    hidden_MD = policy.trunk.hidden(batch, tensors["at"])
    head = policy.trunk.head()
    if smoothing and policy.model.training:
        return smoothed_cross_entropy(
            hidden_MD,
            head.weight,
            tensors["labels"],
            tensors["weights"],
            smoothing=smoothing,
            bias=head.bias,
            scale=head.scale,
            softcap=head.softcap,
        )
    return linear_cross_entropy(
        hidden_MD,
        head.weight,
        tensors["labels"],
        tensors["weights"],
        bias=head.bias,
        scale=head.scale,
        softcap=head.softcap,
    )


def _tensor(parts: Sequence[np.ndarray], dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(np.concatenate(parts)).to(dtype)
