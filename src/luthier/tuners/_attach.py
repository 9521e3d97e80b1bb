"""A tuner put on an open model, and every weight in the type that it is to have from then on."""

from __future__ import annotations

import torch

from luthier.models.bundle import Bundle
from luthier.tuners.contract import Tuner


def attach(tuner: Tuner, bundle: Bundle, *, seed: int, frozen: torch.dtype) -> Bundle:
    """The bundle with `tuner` applied: what moves is float32, what stays has the type `frozen`.

    Its trunk is that of the model before; build it anew.
    Raises: RecipeError: the tuner and its settings do not fit the model.
    """
    bundle = tuner.apply(bundle, seed=seed)
    for parameter in bundle.model.parameters():
        dtype = torch.float32 if parameter.requires_grad else frozen
        if parameter.dtype != dtype and parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)
    return bundle
