"""Cross-entropy of a linear head, as (sum, count), without ever holding all logits.

Letters: M supervised positions, D width, V vocabulary, C positions of one chunk, R of one tile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

IGNORE = -100
_TINY = 1e-30
_CPU_LOGITS, _GPU_LOGITS = 1 << 24, 1 << 28
_CPU_TILE = 1 << 20


def linear_cross_entropy(
    hidden_MD: Tensor,
    head_weight_VD: Tensor,
    labels_M: Tensor,
    weights_M: Tensor,
    *,
    bias: Tensor | None = None,
    scale: float = 1.0,
    softcap: float = 0.0,
    chunk: int = 0,
) -> tuple[Tensor, Tensor]:
    """Weighted sum of -log softmax(logits)[label] in nats, and the sum of the weights.

    Logits are (hidden @ weight.T + bias) * scale, soft-capped to cap * tanh(logits / cap) when
    `softcap` > 0, computed in the type of `hidden_MD`; everything after them is float32. The
    gradient is formed chunk by chunk while the logits are at hand, so none is kept or recomputed.

    Args: chunk: positions at a time; 0 chooses so that one block of logits stays in the cache.
    Returns: two float32 scalars; labels equal to IGNORE do not count. (0, 0) when M = 0.
    Source: agrees with torch.nn.functional.cross_entropy(reduction="none") times the weights;
    gradient in the forward pass as in Hsu et al. 2024, arXiv:2410.10989, section 3.2.
    """
    head = _Head(head_weight_VD, bias, scale, softcap)
    return _summed(hidden_MD, head, labels_M, weights_M, chunk)


def smoothed_cross_entropy(
    hidden_MD: Tensor,
    head_weight_VD: Tensor,
    labels_M: Tensor,
    weights_M: Tensor,
    *,
    smoothing: float,
    bias: Tensor | None = None,
    scale: float = 1.0,
    softcap: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """`linear_cross_entropy` with a share of each label's probability moved evenly to all tokens.

    Source: Szegedy et al. 2016, arXiv:1512.00567, section 7; agrees with
    torch.nn.functional.cross_entropy(label_smoothing=smoothing, reduction="none").
    """
    head = _Head(head_weight_VD, bias, scale, softcap, smoothing)
    return _summed(hidden_MD, head, labels_M, weights_M, 0)


def token_logprobs(
    hidden_MD: Tensor,
    head_weight_VD: Tensor,
    labels_M: Tensor,
    *,
    bias: Tensor | None = None,
    scale: float = 1.0,
    softcap: float = 0.0,
    chunk: int = 0,
) -> Tensor:
    """Natural log-probability of each label, float32 (M,), differentiable; 0 where IGNORE.

    Args: as in `linear_cross_entropy`.
    """
    counts_M = (labels_M != IGNORE).float()
    head = _Head(head_weight_VD, bias, scale, softcap)
    return _logprobs(hidden_MD, head, labels_M, counts_M, chunk, per_row=True)


@dataclass(frozen=True, slots=True)
class _Head:
    weight: Tensor
    bias: Tensor | None
    scale: float
    softcap: float
    smoothing: float = 0.0
    """Share of the target that is spread over all tokens."""

    def logits(self, hidden_CD: Tensor, weight_VD: Tensor) -> Tensor:
        """Logits in the type of `hidden_CD`."""
        bias = None if self.bias is None else self.bias.to(hidden_CD.dtype)
        logits_CV = torch.nn.functional.linear(hidden_CD, weight_VD, bias)
        if self.scale != 1.0:
            logits_CV = logits_CV * self.scale
        if self.softcap:
            logits_CV = torch.tanh(logits_CV / self.softcap) * self.softcap
        return logits_CV

    def through(self, gradient_CV: Tensor, logits_CV: Tensor) -> Tensor:
        """Gradient of the raw product from that of the finished logits."""
        if self.softcap:
            gradient_CV = gradient_CV * (1 - (logits_CV.float() / self.softcap) ** 2)
        return gradient_CV * self.scale if self.scale != 1.0 else gradient_CV


def _summed(
    hidden_MD: Tensor, head: _Head, labels_M: Tensor, weights_M: Tensor, chunk: int
) -> tuple[Tensor, Tensor]:
    counts_M = torch.where(labels_M == IGNORE, 0.0, weights_M.float())
    logprobs_M = _logprobs(hidden_MD, head, labels_M, counts_M, chunk, per_row=False)
    return -logprobs_M, counts_M.sum()


def _logprobs(
    hidden_MD: Tensor, head: _Head, labels_M: Tensor, counts_M: Tensor, chunk: int, *, per_row: bool
) -> Tensor:
    """Weighted log-probabilities: one per row, or their sum."""
    if chunk <= 0:
        budget = _CPU_LOGITS if hidden_MD.device.type == "cpu" else _GPU_LOGITS
        chunk = max(32, budget // head.weight.shape[0] // 32 * 32)
    arguments = (hidden_MD, head.weight, head.bias, labels_M, counts_M, head, chunk, per_row)
    return cast(Tensor, _Logprobs.apply(*arguments))


class _Logprobs(torch.autograd.Function):
    """Forward also forms d(sum)/d(hidden, weight, bias).

    Where every row has an upstream gradient of its own, which forward does not know, that of the
    hidden states is formed all the same and scaled row by row; that of a trained head is not a sum
    of scaled rows that are at hand, so then inputs are kept and swept again.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden_MD: Tensor,
        _weight_VD: Tensor,  # inside `head` too; named here so that autograd sees them
        _bias: Tensor | None,
        labels_M: Tensor,
        counts_M: Tensor,
        head: _Head,
        chunk: int,
        per_row: bool,
    ) -> Tensor:
        wanted = tuple(ctx.needs_input_grad[:3])
        ctx.head, ctx.chunk, ctx.per_row, ctx.wanted = head, chunk, per_row, wanted
        ctx.again = per_row and any(wanted[1:])
        wanted = (False, False, False) if ctx.again else wanted
        result_M, gradients = _sweep(hidden_MD, head, labels_M, counts_M, chunk, wanted)
        saved = (hidden_MD, labels_M, counts_M) if ctx.again else gradients
        ctx.save_for_backward(*saved)
        return result_M if per_row else result_M.sum()

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *upstream: Tensor
    ) -> tuple[Tensor | None, ...]:
        if ctx.again:
            hidden_MD, labels_M, counts_M = ctx.saved_tensors
            factors_M = upstream[0] * counts_M
            found = _sweep(hidden_MD, ctx.head, labels_M, factors_M, ctx.chunk, ctx.wanted)[1]
        elif ctx.per_row:  # the factors stay float32: rounded, they would be off for whole answers
            gradient_MD = ctx.saved_tensors[0]
            found = [(gradient_MD * upstream[0].float()[:, None]).to(gradient_MD.dtype), None, None]
        else:
            found = [g if g is None else g * upstream[0].to(g.dtype) for g in ctx.saved_tensors]
        return (*found, None, None, None, None, None)


def _sweep(
    hidden_MD: Tensor,
    head: _Head,
    labels_M: Tensor,
    counts_M: Tensor,
    chunk: int,
    wanted: tuple[bool, bool, bool],
) -> tuple[Tensor, list[Tensor | None]]:
    """Weighted log-probabilities per row, and the wanted gradients of their sum."""
    weight_VD = head.weight.to(hidden_MD.dtype)
    result_M = counts_M.new_zeros(len(labels_M))
    hidden_gradient_MD = torch.empty_like(hidden_MD) if wanted[0] else None
    weight_gradient_VD = torch.zeros_like(weight_VD if wanted[1] else weight_VD[:0]).float()
    bias_gradient_V = torch.zeros_like(weight_VD[:, 0]).float()
    for start in range(0, len(labels_M), chunk):
        part = slice(start, start + chunk)
        hidden_CD = hidden_MD[part]
        logits_CV = head.logits(hidden_CD, weight_VD)
        for rows in _tiles(logits_CV):
            here = slice(start + rows.start, start + rows.stop)
            counts_R = counts_M[here]
            logprobs_R, gradient_RV = _tile(
                logits_CV[rows], labels_M[here], counts_R, head, wanted=any(wanted)
            )
            result_M[here] = torch.where(counts_R == 0, 0.0, logprobs_R * counts_R)
            if gradient_RV is not None:
                bias_gradient_V += gradient_RV.sum(0) if wanted[2] else 0
                logits_CV[rows] = gradient_RV  # rounded to the type of the products
        if hidden_gradient_MD is not None:
            torch.mm(logits_CV, weight_VD, out=hidden_gradient_MD[part])
        if wanted[1]:
            weight_gradient_VD += logits_CV.t() @ hidden_CD
    bias = head.bias if wanted[2] else None
    return result_M, [
        hidden_gradient_MD,
        weight_gradient_VD.to(head.weight.dtype) if wanted[1] else None,
        None if bias is None else bias_gradient_V.to(bias.dtype),
    ]


def _tiles(logits_CV: Tensor) -> Iterator[slice]:
    """Rows whose float32 copies stay in the cache together; all of them on other devices."""
    num_rows, width = logits_CV.shape
    size = max(1, _CPU_TILE // width) if logits_CV.device.type == "cpu" else num_rows
    for start in range(0, num_rows, size):
        yield slice(start, min(start + size, num_rows))


def _tile(
    logits_RV: Tensor, labels_R: Tensor, counts_R: Tensor, head: _Head, *, wanted: bool
) -> tuple[Tensor, Tensor | None]:
    """log p(label) (R,) and, where wanted, the gradient of the raw product, both float32."""
    targets_R1 = labels_R.clamp_min(0)[:, None]
    probabilities_RV = torch.softmax(logits_RV, -1, dtype=torch.float32)
    logprobs_R = _label_logprobs(probabilities_RV, logits_RV, targets_R1)
    if head.smoothing:  # (1 - s) log p(label) + s mean(log p), the normaliser being the same
        labelled_R1 = logits_RV.gather(1, targets_R1).float()
        apart_R = logits_RV.float().mean(-1) - labelled_R1[:, 0]
        logprobs_R = logprobs_R + head.smoothing * apart_R
    if not wanted:
        return logprobs_R, None
    gradient_RV = _d_logits(probabilities_RV, targets_R1, counts_R, smoothing=head.smoothing)
    return logprobs_R, head.through(gradient_RV, logits_RV)


def _label_logprobs(probabilities_CV: Tensor, logits_CV: Tensor, targets_C1: Tensor) -> Tensor:
    """log p(label) (C,); where that would underflow, relative to the most likely token."""
    found_C1 = probabilities_CV.gather(1, targets_C1)
    if found_C1.device.type == "cpu" and not bool((found_C1 < _TINY).any()):
        return found_C1.log()[:, 0]
    below_top_C1 = logits_CV.gather(1, targets_C1).float() - logits_CV.amax(-1, keepdim=True)
    far_C1 = below_top_C1 + probabilities_CV.amax(-1, keepdim=True).log()
    return torch.where(found_C1 < _TINY, far_C1, found_C1.log())[:, 0]


def _d_logits(
    probabilities_CV: Tensor, targets_C1: Tensor, counts_C: Tensor, *, smoothing: float
) -> Tensor:
    """count * (target - p), written over the probabilities."""
    counts_C1 = counts_C[:, None]
    if smoothing:
        probabilities_CV.sub_(smoothing / probabilities_CV.shape[1])
    labelled_C1 = counts_C1 * (1 - smoothing) if smoothing else counts_C1
    return probabilities_CV.mul_(-counts_C1).scatter_add_(1, targets_C1, labelled_C1)
