"""Trained vectors of a few tokens in place of their rows in a frozen table or head.

Letters: K trained tokens, V vocabulary, D width.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from luthier.models.added import Added


class TokenRows(Added):
    """A table of tokens or a language-model head, some rows of which are trained, in float32.

    `tied`: the rows of another such part are used, as where table and head are one matrix. Rows of
    a table that scales what it looks up (Gemma's) are scaled as the others are.
    """

    index: Tensor

    def __init__(
        self, base: nn.Embedding | nn.Linear, ids: list[int], *, tied: TokenRows | None = None
    ) -> None:
        super().__init__()
        self.base = base
        self.register_buffer("index", torch.tensor(ids, device=base.weight.device), False)
        self._tied = [tied] if tied is not None else []  # in a list: no part of this module
        self.own: nn.Parameter | None = None
        if tied is None:
            self.own = nn.Parameter(base.weight.detach()[self.index].float())

    @property
    def rows(self) -> Tensor:
        """The trained vectors (K, D)."""
        return self._tied[0].rows if self.own is None else self.own

    @property
    def weight(self) -> Tensor:
        """The whole table (V, D)."""
        weight = self.base.weight
        if not self.enabled:
            return weight
        return weight.index_copy(0, self.index, self.rows.to(weight.dtype))

    @property
    def bias(self) -> Tensor | None:
        """That of a head."""
        return cast("Tensor | None", getattr(self.base, "bias", None))

    @property
    def num_embeddings(self) -> int:
        """V"""
        return len(self.base.weight)

    def forward(self, input: Tensor) -> Tensor:
        output = self.base(input)
        if not self.enabled:
            return output
        if isinstance(self.base, nn.Embedding):
            is_one = input[..., None] == self.index
            own = nn.functional.embedding(is_one.int().argmax(-1), self.rows).to(output.dtype)
            scale: Tensor | float | None = getattr(self.base, "embed_scale", None)
            if scale is not None:
                own = own * (scale.to(own) if isinstance(scale, Tensor) else scale)
            return torch.where(is_one.any(-1)[..., None], own, output)
        bias = None if self.bias is None else self.bias[self.index].to(input.dtype)
        own = nn.functional.linear(input, self.rows.to(input.dtype), bias)
        return output.index_copy(-1, self.index, own.to(output.dtype))

    @torch.no_grad()
    def fold(self) -> nn.Module:
        """The table or head itself, the trained rows written into it."""
        self.base.weight[self.index] = self.rows.to(self.base.weight.dtype)
        return self.base


def token_rows(model: nn.Module) -> dict[str, TokenRows]:
    """Every such part by its name."""
    return {name: part for name, part in model.named_modules() if isinstance(part, TokenRows)}


def train_tokens(model: Any, ids: list[int]) -> None:
    """Put the vectors of these tokens into training: in the table, and in a head where there is
    one."""
    ids = sorted(set(ids))
    table = model.get_input_embeddings()
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    rows = TokenRows(table, ids)
    _put(model, table, rows)
    if head is not None:
        is_tied = head.weight is table.weight
        _put(model, head, TokenRows(head, ids, tied=rows if is_tied else None))


def _put(model: nn.Module, old: nn.Module, new: nn.Module) -> None:
    name = next(name for name, part in model.named_modules() if part is old)
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, new)
