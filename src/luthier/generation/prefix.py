"""The tokens that all prompts begin with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def shared_prefix(prompts: Sequence[NDArray[np.int32]], *, at_least: int) -> int:
    """Number of leading tokens equal in all prompts, leaving each at least one of its own.

    Returns: 0 when there are fewer than two prompts, or the prefix is shorter than `at_least`.
    """
    if len(prompts) < 2:
        return 0
    length = min(len(prompt) for prompt in prompts) - 1
    first = prompts[0]
    for prompt in prompts[1:]:
        different = np.flatnonzero(first[:length] != prompt[:length])
        length = int(different[0]) if len(different) else length
    return length if length >= at_least else 0
