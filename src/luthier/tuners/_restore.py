"""Putting other tensors into a model: saved ones strictly, others for a while."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from luthier.core.errors import RunError


def copy_strictly(targets: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
    """Copy every tensor of `saved` into the one of the same name; all or nothing.

    Raises: RunError: a name is missing or unknown, or a shape differs.
    """
    problems = [f"missing: {name}" for name in targets if name not in saved]
    problems += [f"unknown: {name}" for name in saved if name not in targets]
    for name in targets.keys() & saved.keys():
        if targets[name].shape != saved[name].shape:
            came, expected = tuple(saved[name].shape), tuple(targets[name].shape)
            problems.append(f"{name}: got shape {came}, expected {expected}")
    if problems:
        more = f"\n    and {len(problems) - 8} more" if len(problems) > 8 else ""
        lines = "\n    ".join(sorted(problems)[:8])
        raise RunError(f"The saved weights do not fit this model and tuner:\n    {lines}{more}")
    with torch.no_grad():
        for name, target in targets.items():
            target.copy_(saved[name])


@contextmanager
def exchanged(parameters: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> Generator[None]:
    """Within it `parameters` hold what `others` of the same names hold.

    They are exchanged, not copied: a loss that was formed before can still be derived after.
    """
    kept = {name: parameter.data for name, parameter in parameters.items()}
    try:
        for name, parameter in parameters.items():
            parameter.data = others[name].to(parameter.device, parameter.dtype)
        yield
    finally:
        for name, parameter in parameters.items():
            parameter.data = kept[name]
