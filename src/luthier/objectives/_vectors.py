"""What losses on vectors of texts have in common: rows of several texts, and several lengths.

Letters: S sequences, B rows, D width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor

from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError
from luthier.data.features import IGNORE, Features
from luthier.models.bundle import Codec
from luthier.objectives.contract import Loss
from luthier.ops.similarity import unit

TOKENS_AT_ONCE = 16_384


class VectorConfig(ComponentConfig):
    """Settings of every loss on vectors."""

    dimensions: list[int] = Field(default_factory=list[int])
    """Train the first so many numbers of a vector to be a vector of their own, for each of these,
    as in [384, 192, 96]: vectors can then be cut to save memory. Empty: whole vectors only."""
    dimension_weights: list[float] = Field(default_factory=list[float])
    """Weight of the loss at each of `dimensions`; empty: 1 for each."""

    @field_validator("dimensions")
    @classmethod
    def _are_lengths(cls, value: list[int]) -> list[int]:
        twice = [size for size, times in Counter(value).items() if times > 1]
        if twice or min(value, default=1) < 1:
            raise ValueError("expected different whole numbers above 0, such as [384, 192, 96]")
        return value

    @field_validator("dimension_weights")
    @classmethod
    def _are_weights(cls, value: list[float]) -> list[float]:
        if value and (min(value) < 0 or max(value) == 0):
            raise ValueError("expected weights of at least 0, one of them above 0")
        return value

    @model_validator(mode="after")
    def _have_what_they_weigh(self) -> Self:
        if self.dimension_weights and not self.dimensions:
            raise ValueError(
                "dimension_weights: expected dimensions with them, one for each weight; without "
                "dimensions only whole vectors are trained"
            )
        return self


def prepare_texts(texts: Sequence[str], codec: Codec, *, index: int, counts: bool) -> Features:
    """The encoded texts of a row, one after the other. Args: counts: the row has a loss."""
    parts = [codec.encode(text) for text in texts]
    return Features(
        index,
        np.concatenate(parts),
        label=0 if counts else IGNORE,
        sequences=tuple(len(part) for part in parts),
    )


def at_dimensions(vectors_SD: Tensor, config: VectorConfig, loss: Callable[[Tensor], Loss]) -> Loss:
    """The loss of the whole vectors, or the weighted sum of those at every one of `dimensions`.

    Vectors that are cut are brought to length 1, the longest too.
    Source: Kusupati et al. 2022, arXiv:2205.13147, equation 1; agrees with MatryoshkaLoss of
    sentence-transformers.
    Raises: RecipeError: the model's vectors are shorter, or there are not as many weights.
    """
    sizes = config.dimensions
    if not sizes:
        return loss(vectors_SD)
    weights = config.dimension_weights or [1.0] * len(sizes)
    _check(sizes, weights, width=vectors_SD.shape[1])
    parts = {size: loss(unit(vectors_SD[:, :size])) for size in sizes}
    total = torch.stack(
        [weight * part.sum for weight, part in zip(weights, parts.values(), strict=True)]
    ).sum()
    longest = parts[max(sizes)]
    metrics = dict(longest.metrics)
    for size, part in parts.items():
        if size != max(sizes):
            metrics |= {f"{name}_{size}": value for name, value in part.metrics.items()}
    return Loss(total, longest.count, metrics)


def _check(sizes: Sequence[int], weights: Sequence[float], *, width: int) -> None:
    if max(sizes) > width:
        raise RecipeError(
            f"recipe objective.dimensions: got {max(sizes)}, but the vectors of this model have "
            f"{width} numbers. Use at most {width}."
        )
    if len(weights) != len(sizes):
        raise RecipeError(
            f"recipe objective.dimension_weights: got {len(weights)} weights for {len(sizes)} "
            "dimensions. Give one for each, in the same order."
        )
