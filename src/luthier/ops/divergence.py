"""How far predictions are from those of a teacher, without ever holding all logits.

Letters: M positions, C positions of one chunk, D width, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_CPU_LOGITS, _GPU_LOGITS = 1 << 23, 1 << 27


def generalised_jsd(student_CV: Tensor, teacher_CV: Tensor, *, beta: float) -> Tensor:
    """Divergence of each position in nats (C,), from log-probabilities.

    beta 0: KL(teacher || student), the forward one; beta 1: KL(student || teacher), the reverse
    one; between them beta KL(teacher || m) + (1 - beta) KL(student || m) of the mixture
    m = beta teacher + (1 - beta) student.
    Source: Agarwal et al. 2024, arXiv:2306.13649, equation 1; the limits as TRL has them.
    """
    if beta == 0:
        return _kl(teacher_CV, student_CV)
    if beta == 1:
        return _kl(student_CV, teacher_CV)
    parts = torch.stack([student_CV + math.log1p(-beta), teacher_CV + math.log(beta)])
    mixture_CV = torch.logsumexp(parts, 0)
    return beta * _kl(teacher_CV, mixture_CV) + (1 - beta) * _kl(student_CV, mixture_CV)


def linear_divergence(
    hidden_MD: Tensor,
    project: Callable[[Tensor], Tensor],
    measure: Callable[[Tensor, slice], Tensor],
    weights_M: Tensor,
    *,
    parameters: Sequence[Tensor] = (),
    width: int,
) -> Tensor:
    """Weighted sum of `measure` over positions, a float32 scalar.

    The gradient is formed chunk by chunk while the logits are at hand, so none is kept.
    Args: project: hidden states (C, D) -> float32 logits (C, V). measure: student's logits of a
        chunk and its place -> divergence (C,). parameters: what `project` uses and may train.
        width: V, which decides how many positions go together.
    """
    used = [p for p in parameters if p.requires_grad]
    budget = _CPU_LOGITS if hidden_MD.device.type == "cpu" else _GPU_LOGITS
    chunk = max(8, budget // width)
    return cast(
        Tensor, _Divergence.apply(hidden_MD, project, measure, weights_M.float(), chunk, *used)
    )


class _Divergence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_MD: Tensor,
        project: Callable[[Tensor], Tensor],
        measure: Callable[[Tensor, slice], Tensor],
        weights_M: Tensor,
        chunk: int,
        *parameters: Tensor,
    ) -> Tensor:
        total = weights_M.new_zeros(())
        gradient_MD = torch.zeros_like(hidden_MD)
        others = [torch.zeros_like(parameter) for parameter in parameters]
        is_wanted = any(ctx.needs_input_grad)
        for start in range(0, len(hidden_MD), chunk):
            part = slice(start, min(start + chunk, len(hidden_MD)))
            hidden_CD = hidden_MD[part].detach().requires_grad_()
            with torch.enable_grad():
                here = (measure(project(hidden_CD), part) * weights_M[part]).sum()
            total += here.detach()
            if is_wanted:
                found = torch.autograd.grad(here, [hidden_CD, *parameters])
                gradient_MD[part] = found[0]
                for sum_, one in zip(others, found[1:], strict=True):
                    sum_ += one
        ctx.save_for_backward(gradient_MD, *others)
        return total

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *upstream: Tensor
    ) -> tuple[Tensor | None, ...]:
        first, *others = (saved * upstream[0].to(saved.dtype) for saved in ctx.saved_tensors)
        return (first, None, None, None, None, *others)


def _kl(one_CV: Tensor, other_CV: Tensor) -> Tensor:
    """KL(one || other) of each position; tokens that `one` rules out add nothing."""
    weighted_CV = one_CV.exp() * (one_CV - other_CV)
    return torch.where(one_CV == -math.inf, 0.0, weighted_CV).sum(-1)
