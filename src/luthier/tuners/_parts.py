"""What the tuners that add parts to a frozen model have in common; their facts are their own."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn

from luthier.models.added import added_to
from luthier.models.bundle import Bundle
from luthier.tuners._restore import exchanged
from luthier.tuners._targets import heads_of


def freeze_trunk(bundle: Bundle) -> dict[str, Tensor]:
    """Freeze all but the head of a model that has one; gives that as it starts, copied."""
    model = bundle.model
    model.requires_grad_(False)
    for name in heads_of(bundle):
        model.get_submodule(name).requires_grad_(True)
    return {name: parameter.detach().clone() for name, parameter in head(model).items()}


def head(model: nn.Module) -> dict[str, nn.Parameter]:
    """Trained parameters that belong to no added part."""
    inside = {id(parameter) for part in added_to(model).values() for parameter in part.added()}
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and id(parameter) not in inside
    }


def trained(model: nn.Module) -> dict[str, Tensor]:
    """All trained parameters by name, without gradient."""
    named = model.named_parameters()
    return {name: parameter.detach() for name, parameter in named if parameter.requires_grad}


@contextmanager
def untuned(model: nn.Module, first_head: Mapping[str, Tensor]) -> Generator[nn.Module]:
    """Within it added parts are off and the head is the one that the model started with."""
    parts = list(added_to(model).values())
    before = [part.enabled for part in parts]
    try:
        for part in parts:
            part.enabled = False
        with exchanged(head(model), first_head):
            yield model
    finally:
        for part, was_enabled in zip(parts, before, strict=True):
            part.enabled = was_enabled
