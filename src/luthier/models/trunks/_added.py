"""What tuners add that fast paths run as they are."""

from __future__ import annotations

from torch import nn

from luthier.models.added import added_to
from luthier.models.soft_prompt import SoftPrompt

_KNOWN = (SoftPrompt,)
"""The table of tokens is asked for its vectors like any other."""


def unknown_part(model: nn.Module) -> str:
    """Why a fast path does not run what was added to `model`; "" when it does."""
    for name, part in added_to(model).items():
        if not isinstance(part, _KNOWN):
            return f"{name} is a {type(part).__name__}"
    return ""
