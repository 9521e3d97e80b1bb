"""Dropout whose masks cost little to draw on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor

_LEVELS = 1 << 16


def keep_mask(like: Tensor, dropout: float) -> Tensor:
    """1 / share where a value stays and 0 where it is dropped, shaped and typed as `like`.

    On a CPU four values share one draw of torch's generator, so shares are multiples of 1 / 65536;
    what stays is scaled by the share that really stays.
    Source: Srivastava et al. 2014, JMLR 15, section 4, scaled while training.
    """
    if like.device.type != "cpu":
        return torch.empty_like(like).bernoulli_(1 - dropout).div_(1 - dropout)
    kept = round((1 - dropout) * _LEVELS)
    draws = torch.empty(-(-like.numel() // 4), dtype=torch.int64).random_(-(1 << 63), None)
    levels = draws.view(torch.int16)[: like.numel()].view(like.shape)
    stays = levels < kept - _LEVELS // 2 if kept < _LEVELS else torch.ones_like(levels)
    return stays.to(like.dtype).mul_(_LEVELS / kept)


def dropped(x: Tensor, dropout: float, *, is_training: bool) -> Tensor:
    """`x` with a share of its values set to zero while training."""
    if not is_training or not dropout:
        return x
    return x * keep_mask(x, dropout) if dropout < 1 else torch.zeros_like(x)
