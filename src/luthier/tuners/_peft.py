"""The names that PEFT has for what tuners train."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from torch import Tensor, nn

from luthier.models.blocks import head_modules

PREFIX = "base_model.model."


def to_peft(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors named as in the model, by the names in a PEFT file."""
    return {PREFIX + name: tensor for name, tensor in state.items()}


def from_peft(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The reverse of `to_peft`."""
    return {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items()}


def saved_whole(model: nn.Module, names: Iterable[str]) -> list[str]:
    """`modules_to_save`: what parameters saved whole belong to, as short as it can be named. Of a
    head it is the whole, which PEFT takes or leaves."""
    heads = head_modules(model)
    found: set[str] = set()
    for name in names:
        within = [head for head in heads if name.startswith(f"{head}.")]
        found |= set(within or [".".join(name.rpartition(".")[0].split(".")[:2])])
    return sorted(found)


def target_modules(model: nn.Module, adapted: Collection[str]) -> list[str]:
    """Last parts of the adapted names where these mean the adapted modules and no others, which
    every loader understands; otherwise the full names."""
    leaves = {name.rpartition(".")[2] for name in adapted}
    for name, _ in model.named_modules():
        is_own = name in adapted or any(name.startswith(f"{part}.") for part in adapted)
        if name.rpartition(".")[2] in leaves and not is_own:
            return sorted(adapted)
    return sorted(leaves)
