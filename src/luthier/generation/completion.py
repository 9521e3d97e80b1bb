"""What generation gives back for one prompt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Completion:
    """Generated ids without the end-of-turn token, and how likely the model found each.

    `logprobs` has one natural logarithm per id, and one more for the end-of-turn token when the
    model gave it. They belong to the model itself, before any temperature.
    """

    ids: NDArray[np.int32]
    text: str
    logprobs: NDArray[np.float32]
    finished: bool
    """The model ended its turn; False when it was stopped by a length limit."""
    seconds: float
    """This row's share of the time its batch took."""
    end_id: int = -1
    """The end-of-turn token that the model gave; -1 where it gave none."""
