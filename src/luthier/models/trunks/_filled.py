"""Rows that fill a pack up to a usual size.

On CPUs oneDNN makes a kernel for every new shape of a product, in bfloat16 one to three
milliseconds each, and packs of texts hardly ever have the same number of tokens twice. Filled up
they do, and kernels without ragged ends are smaller. Letters: N tokens, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_LEAST = 32
_STEPS = 8
"""Sizes between a power of two and the next: the most that is added is an eighth."""


def filled_size(num: int, device: torch.device) -> int:
    """The next usual size; `num` itself on devices without kernels of their own for every shape."""
    if device.type != "cpu":
        return num
    step = max(_LEAST, (1 << num.bit_length() - 1) // _STEPS)
    return -(-num // step) * step


def filled(x_ND: Tensor) -> Tensor:
    """Rows of zeros behind the others."""
    more = filled_size(len(x_ND), x_ND.device) - len(x_ND)
    return functional.pad(x_ND, (0, 0, 0, more)) if more else x_ND


def filled_places(at_M: Tensor) -> Tensor:
    """Places behind the others; what is read there is to be left out again."""
    more = filled_size(len(at_M), at_M.device) - len(at_M)
    return functional.pad(at_M, (0, more)) if more else at_M
