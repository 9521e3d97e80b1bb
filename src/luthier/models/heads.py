"""The head of a classifier: that of the files where it scores the same classes, else a new one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn


def fit(model: Any, *, labels: Sequence[str], suffix: str, own: Any, fresh: set[str]) -> list[str]:
    """Make the head score `labels` in their order; gives back notes on what was done.

    The rows of a head in the file are put into this order where its config names the same classes.
    Any other head is drawn anew: what it learned was something else. A single score has no name
    that could differ, and neither have a start and an end (no `labels`).
    Args: suffix: of the names of classes with such a head. own: the config as it is in the folder.
    fresh: parameters that were drawn already, as the files lack them.
    """
    head = {name for name, _ in _parameters(model)}
    names = [str(own.id2label[index]) for index in sorted(own.id2label)]
    is_same_task = any(str(name).endswith(suffix) for name in own.architectures or ())
    is_named_alike = sorted(names) == sorted(labels) or not labels
    is_kept = is_same_task and (is_named_alike or len(names) == len(labels) == 1)
    notes: list[str] = []
    why = ""
    if head - fresh and not is_kept:
        _draw(model)
        fresh = fresh | head
        what = f"scores {', '.join(names)}" if is_same_task else "is of another task"
        why = f"; the one in the files {what}"
    if fresh:
        notes.append(f"new head, drawn from the seed: {', '.join(sorted(fresh))}{why}")
    if head - fresh and is_named_alike and labels and names != list(labels):
        _reorder(model, [names.index(label) for label in labels])
        notes.append(
            f"head of the files, its classes {', '.join(names)} put in order: {', '.join(labels)}"
        )
    return notes


@torch.no_grad()
def begin(model: Any, scores: Sequence[float]) -> bool:
    """Let a new head say `scores` of every text before it has learned, by its bias.

    Returns: whether it does: not a head of the files (its bias is not zero), nor one without bias.
    """
    layers = (module for _, module in _modules(model) if isinstance(module, nn.Linear))
    last = [layer for layer in layers if layer.out_features == len(scores)][-1:]
    bias: torch.Tensor | None = last[0].bias if last else None
    if bias is None or bool(bias.any()):
        return False
    bias.copy_(torch.tensor(scores))
    return True


def _modules(model: Any) -> Iterator[tuple[str, nn.Module]]:
    """Modules outside the trunk."""
    trunk = model.base_model_prefix
    for name, module in model.named_modules():
        if name and name != trunk and not name.startswith(f"{trunk}."):
            yield name, module


def _parameters(model: Any) -> Iterator[tuple[str, nn.Parameter]]:
    for name, module in _modules(model):
        for own, parameter in module.named_parameters(recurse=False):
            yield f"{name}.{own}", parameter


@torch.no_grad()
def _draw(model: Any) -> None:
    for _, parameter in _parameters(model):
        setattr(parameter, "_is_hf_initialized", False)  # noqa: B010
    for _, module in _modules(model):
        model._init_weights(module)


@torch.no_grad()
def _reorder(model: Any, order: list[int]) -> None:
    last = [
        module
        for _, module in _modules(model)
        if isinstance(module, nn.Linear) and module.out_features == len(order)
    ][-1]
    for parameter in last.parameters(recurse=False):
        parameter.copy_(parameter[order].clone())
