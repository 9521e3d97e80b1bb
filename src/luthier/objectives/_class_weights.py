"""Weights of classes that are said in two ways."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from luthier.core.errors import RecipeError


def refuse_two_weights(given: Sequence[float], balanced: Sequence[float]) -> None:
    """Nothing, where both say the same: a resolved recipe holds the weights beside their reason.

    Raises: RecipeError: they differ, so one of them would be ignored.
    """
    if not np.allclose(given, balanced, rtol=1e-6):
        raise RecipeError(
            "recipe objective.class_weights: got 'balanced' beside objective.weight_of_label, "
            "which says other weights than the training rows do. Leave one of the two out"
        )
