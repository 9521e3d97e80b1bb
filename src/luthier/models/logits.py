"""Logits of final hidden states, and the parameters that they depend on besides these."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from luthier.models.bundle import Head


def projection(head: Head) -> tuple[Callable[[Tensor], Tensor], list[Tensor]]:
    """A function from hidden states (C, D) to float32 logits (C, V), and what it may train."""

    def project(hidden_CD: Tensor) -> Tensor:
        bias = None if head.bias is None else head.bias.to(hidden_CD.dtype)
        weight_VD = head.weight.to(hidden_CD.dtype)
        logits_CV = torch.nn.functional.linear(hidden_CD, weight_VD, bias).float() * head.scale
        if head.softcap:
            logits_CV = torch.tanh(logits_CV / head.softcap) * head.softcap
        return logits_CV

    return project, [head.weight, *([] if head.bias is None else [head.bias])]


def frozen(head: Head) -> Head:
    """The same head, and so it stays: what will be trained is copied."""
    moves = head.weight.requires_grad or (head.bias is not None and head.bias.requires_grad)
    if not moves:
        return head
    bias = None if head.bias is None else head.bias.detach().clone()
    return Head(head.weight.detach().clone(), bias, head.scale, head.softcap)
