"""Frozen linear layers that read the same input, as one matrix with their low-rank terms inside.

    J = [ W   B ]      W (O, I): base weights one below the other, in the compute type
        [ sA  0 ]      A (R, I), B (O, R) block-diagonal: the low-rank terms, s their scaling

With x' = [x | x (sA)^T] the adapted output is x' [W B]^T, and with g' = [g | g B] the input's
gradient is g' [W; sA]: one wide product each way instead of one per layer and one more per term.
Of weights stored in few bits J is formed where it is used, in memory that all layers share.
Letters: N tokens, I inputs, O outputs, R ranks together.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn

from luthier.models.low_rank import LowRankLinear
from luthier.models.quantised import QuantisedLinear

Joinable: TypeAlias = nn.Linear | QuantisedLinear


class Shelf:
    """Memory in which matrices of one shape are formed in turn."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, int], tuple[Tensor, object]] = {}

    def take(self, shape: tuple[int, int], owner: object, like: Tensor) -> tuple[Tensor, bool]:
        """The memory, zero when new, and whether `owner` was the last to take it."""
        matrix, last = self._places.get(shape, (None, None))
        if matrix is None:
            matrix = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self._places[shape] = (matrix, owner)
        return matrix, last is owner


class Joined:
    """The joint matrix of some layers, kept equal to their low-rank parameters by `refresh`.

    A base weight that has the compute type already becomes a view of the joint matrix, so that
    nothing is stored twice.
    """

    def __init__(self, layers: Sequence[nn.Module], dtype: torch.dtype, shelf: Shelf) -> None:
        self.bases = [base_of(layer) for layer in layers]
        self.adapted = [layer for layer in layers if isinstance(layer, LowRankLinear)]
        outputs = [base.out_features for base in self.bases]
        ranks = [layer.width if isinstance(layer, LowRankLinear) else 0 for layer in layers]
        self.num_inputs, self.num_outputs = self.bases[0].in_features, sum(outputs)
        self.rank = sum(ranks)
        self._rows = _slices(outputs)
        blocks = zip(self._rows, _slices(ranks), ranks, strict=True)
        self._terms = [(rows, columns) for rows, columns, rank in blocks if rank]
        self._shelf = shelf
        self._fill(dtype)

    def _fill(self, dtype: torch.dtype) -> None:
        self._like = torch.empty(0, dtype=dtype, device=_stored(self.bases[0]).device)
        self._shape = (self.num_outputs + self.rank, self.num_inputs + self.rank)
        self._matrix: Tensor | None = None
        if not any(isinstance(base, QuantisedLinear) for base in self.bases):
            self._matrix = self._like.new_zeros(self._shape)
            self._write_bases(self._matrix)
        self._seen = [_stored(base).data_ptr() for base in self.bases]
        self.bias = None
        biases = [bias_of(base) for base in self.bases]
        if any(bias is not None for bias in biases):
            widths = [base.out_features for base in self.bases]
            pairs = zip(biases, widths, strict=True)
            empty = self._like.float()
            filled = [empty.new_zeros(width) if bias is None else bias for bias, width in pairs]
            self.bias = torch.cat(filled).detach().to(dtype)

    def _write_bases(self, matrix: Tensor) -> None:
        for base, rows in zip(self.bases, self._rows, strict=True):
            view = matrix[rows, : self.num_inputs]
            view.copy_(base.weight.detach())
            if isinstance(base, nn.Linear) and base.weight.dtype == matrix.dtype:
                base.weight.data = view

    @property
    def matrix(self) -> Tensor:
        """J, formed again where it is not kept and another layer's was formed since."""
        if self._matrix is not None:
            return self._matrix
        matrix, is_own = self._shelf.take(self._shape, self, self._like)
        if not is_own:
            with torch.no_grad():
                self._write_bases(matrix)
                self._write_terms(matrix)
        return matrix

    def is_current(self) -> bool:
        """Whether the base weights are still the tensors that were joined."""
        return self._seen == [_stored(base).data_ptr() for base in self.bases]

    def is_on(self) -> bool:
        """Whether the low-rank terms take part: all of them or none."""
        states = {layer.enabled for layer in self.adapted}
        if len(states) > 1:
            raise ValueError(
                "low-rank terms of layers that share an input: got some enabled and some not; "
                "enable all of them or none"
            )
        return states == {True}

    def refresh(self) -> None:
        """Copy the low-rank parameters into the joint matrix, or let it be formed anew."""
        if self._matrix is not None:
            self._write_terms(self._matrix)
        else:
            self._shelf.take(self._shape, None, self._like)

    def _write_terms(self, matrix: Tensor) -> None:
        lowering, raising = matrix[self.num_outputs :, : self.num_inputs], self.num_inputs
        for layer, (rows, columns) in zip(self.adapted, self._terms, strict=True):
            A_RI, B_OR = layer.factors()
            torch.mul(A_RI.detach(), layer.scaling, out=lowering[columns])
            matrix[rows, raising:][:, columns] = B_OR.detach()

    def parameters(self) -> list[Tensor]:
        """A and B of every adapted layer, in the order of `gradients`."""
        return [p for layer in self.adapted for p in (layer.lora_A, layer.lora_B)]

    def input_for(self, num_tokens: int, *, on: bool) -> Tensor:
        """An uninitialised x', whose first I columns the caller fills."""
        return self._like.new_empty(num_tokens, self.num_inputs + (self.rank if on else 0))

    def gradient_for(self, num_tokens: int, *, on: bool) -> Tensor:
        """An uninitialised g', whose first O columns the caller fills."""
        return self._like.new_empty(num_tokens, self.num_outputs + (self.rank if on else 0))

    def lower(self, input_NI: Tensor, *, on: bool) -> Tensor:
        """Fill the last R columns of x'; gives x' back."""
        if on and self.rank:
            inputs, lowered = input_NI[:, : self.num_inputs], input_NI[:, self.num_inputs :]
            torch.mm(inputs, self.matrix[self.num_outputs :, : self.num_inputs].t(), out=lowered)
        return input_NI

    def forward(self, input_NI: Tensor, *, onto: Tensor | None = None) -> Tensor:
        """x' [W B]^T + bias (N, O), added to `onto` where given; x' as `lower` left it."""
        weight = self.matrix[: self.num_outputs, : input_NI.shape[1]].t()
        if onto is None:
            return (
                torch.mm(input_NI, weight)
                if self.bias is None
                else torch.addmm(self.bias, input_NI, weight)
            )
        output = torch.addmm(onto, input_NI, weight)
        return output if self.bias is None else output.add_(self.bias)

    def backward(self, gradient_NO: Tensor, *, on: bool, wanted: bool = True) -> Tensor | None:
        """The input's gradient (N, I); fills the last R columns of g'."""
        if on and self.rank:
            upstream, lowered = (
                gradient_NO[:, : self.num_outputs],
                gradient_NO[:, self.num_outputs :],
            )
            torch.mm(upstream, self.matrix[: self.num_outputs, self.num_inputs :], out=lowered)
        if not wanted:
            return None
        return torch.mm(gradient_NO, self.matrix[: gradient_NO.shape[1], : self.num_inputs])

    def gradients(self, gradient_NO: Tensor, input_NI: Tensor, lowered_NR: Tensor) -> list[Tensor]:
        """Gradients of `parameters`, float32; g' as `backward` left it, x without columns R."""
        if not self.adapted:
            return []
        d_lowered_RI = torch.mm(gradient_NO[:, self.num_outputs :].t(), input_NI)
        d_raised_OR = torch.mm(gradient_NO[:, : self.num_outputs].t(), lowered_NR)
        found: list[Tensor] = []
        for layer, (rows, columns) in zip(self.adapted, self._terms, strict=True):
            d_lowered = d_lowered_RI[columns].float().mul_(layer.scaling)
            found += layer.gradients(d_lowered, d_raised_OR[rows, columns].float())
        return found


def base_of(layer: nn.Module) -> Joinable:
    """The frozen linear layer itself."""
    base = layer.base if isinstance(layer, LowRankLinear) else layer
    assert isinstance(base, nn.Linear | QuantisedLinear)
    return base


def _stored(base: Joinable) -> Tensor:
    """What holds the weight."""
    return base.packed if isinstance(base, QuantisedLinear) else base.weight


def bias_of(base: Joinable) -> Tensor | None:
    """The bias, which torch's types say is always there."""
    return cast("Tensor | None", base.bias)


def _slices(sizes: Sequence[int]) -> list[slice]:
    ends = list(accumulate(sizes))
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
