"""Ways to run a model without padding: `general` for any architecture, one file per fast family.

A family NAME is a module here with `decline(model) -> str` (empty: it runs this model) and a class
`NameTrunk(model, *, compute_dtype, compile, gradient_checkpointing)`.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any, Literal

import torch
from torch import nn

from luthier.core.errors import ModelError
from luthier.models.bundle import Kind, Trunk
from luthier.models.soft_prompt import soft_prompt_of
from luthier.models.trunks._division import Divisible, divide, onto
from luthier.models.trunks._laid import laid_lengths
from luthier.models.trunks._native import hindrance
from luthier.models.trunks._pictures import PictureTrunk
from luthier.models.trunks._prompted import PromptedTrunk
from luthier.models.trunks._shared import apart
from luthier.models.trunks.general import GeneralTrunk

__all__ = ["Divisible", "apart", "build", "families", "hindrance", "laid_lengths", "onto"]

Path = Literal["auto", "general", "fast"]


def families() -> list[str]:
    """Names of the fast families."""
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    return sorted(name for name in found if not name.startswith("_") and name != "general")


def build(
    model: nn.Module,
    kind: Kind,
    *,
    prefer: Path = "auto",
    compile: bool = False,
    gradient_checkpointing: bool = False,
    compute_dtype: torch.dtype,
) -> Trunk:
    """The way to run `model`: its family's fast path where one takes it, else the general one.
    A trained prompt goes before every sequence, whichever it is.

    On CUDA "auto" is the general one: there one kernel does the attention of a whole pack, while
    the fast paths are made of many small products and have been measured on CPUs only.

    Raises: ModelError: `prefer` is "fast" and no family takes the model, with their reasons.
    """
    inner = _build(
        model,
        kind,
        prefer=prefer,
        compile=compile,
        gradient_checkpointing=gradient_checkpointing,
        compute_dtype=compute_dtype,
    )
    prompt = soft_prompt_of(model)
    return inner if prompt is None else PromptedTrunk(inner, prompt)


def _build(
    model: nn.Module,
    kind: Kind,
    *,
    prefer: Path,
    compile: bool,
    gradient_checkpointing: bool,
    compute_dtype: torch.dtype,
) -> Trunk:
    if kind == "image_classifier":
        return PictureTrunk(
            model, compute_dtype=compute_dtype, gradient_checkpointing=gradient_checkpointing
        )
    reasons: list[str] = []
    is_slower = prefer == "auto" and next(model.parameters()).is_cuda
    for name in [] if prefer == "general" or is_slower else families():
        family: Any = importlib.import_module(f"{__name__}.{name}")
        reason = family.decline(model)
        if not reason:
            trunk = getattr(family, f"{name.capitalize()}Trunk")(
                model,
                compute_dtype=compute_dtype,
                compile=compile,
                gradient_checkpointing=gradient_checkpointing,
            )
            divide(trunk, model, kind=kind, dtype=compute_dtype)
            return trunk
        reasons.append(f"{name}: {reason}")
    if prefer == "fast":
        raise ModelError(
            "training.path = fast: no fast path takes this model ("
            + "; ".join(reasons)
            + "). Use auto or general"
        )
    general = GeneralTrunk(
        model, kind, compute_dtype=compute_dtype, gradient_checkpointing=gradient_checkpointing
    )
    divide(general, model, kind=kind, dtype=compute_dtype)
    return general
