"""Moments of the rows seen give the very steps that AdamW takes on the whole table."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from luthier.engine.row_moments import RowMoments

ROWS, WIDTH = 12, 4
BATCHES = ([3, 5, 3], [5, 7], [0], [3, 11])
"""Rows of each step: repeated ones, new ones, and steps that leave earlier ones out."""


def group(weight_decay: float) -> dict[str, object]:
    return {"lr": 0.1, "betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": weight_decay}


def gradients() -> list[Tensor]:
    """One dense gradient per step, zero but for the rows of its batch."""
    draws = torch.Generator().manual_seed(0)
    found: list[Tensor] = []
    for rows in BATCHES:
        parts = torch.randn(len(rows), WIDTH, generator=draws)
        found.append(torch.zeros(ROWS, WIDTH).index_add_(0, torch.tensor(rows), parts))
    return found


def start() -> Tensor:
    return torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(1))


def sparse(gradient: Tensor) -> Tensor:
    return gradient.to_sparse(1).coalesce()


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_the_table_moves_as_under_adamw(weight_decay: float) -> None:
    table, whole = start(), torch.nn.Parameter(start())
    moments = RowMoments(table)
    adamw = torch.optim.AdamW([whole], **group(weight_decay))  # pyright: ignore[reportArgumentType]
    for gradient in gradients():
        moments.update(table, sparse(gradient), group(weight_decay))
        whole.grad = gradient
        adamw.step()
    # the decay of a row is rounded before its step instead of after
    torch.testing.assert_close(table, whole.detach(), rtol=1e-6, atol=1e-6)


def test_rows_that_were_never_seen_are_not_kept() -> None:
    table = start()
    moments = RowMoments(table)
    for gradient in gradients():
        moments.update(table, sparse(gradient), group(0.0))
    assert moments.rows_R.tolist() == [0, 3, 5, 7, 11]
    assert moments.exp_avg_RD.shape == (5, WIDTH)


def test_restored_moments_go_on_to_the_same_bits() -> None:
    table, again = start(), start()
    moments, restored = RowMoments(table), RowMoments(again)
    first, *rest = gradients()
    moments.update(table, sparse(first), group(0.0))
    again.copy_(table)
    restored.restore(moments.state())
    for gradient in rest:
        moments.update(table, sparse(gradient), group(0.0))
        restored.update(again, sparse(gradient), group(0.0))
    assert torch.equal(table, again)


def test_the_whole_table_can_take_over() -> None:
    table, whole = start(), torch.nn.Parameter(start())
    moments, adamw = RowMoments(table), torch.optim.AdamW([whole], lr=0.1)
    for gradient in gradients():
        moments.update(table, sparse(gradient), {**adamw.param_groups[0], "weight_decay": 0.0})
        whole.grad = gradient
        adamw.step()
    for key, value in moments.dense(table).items():
        torch.testing.assert_close(value, adamw.state[whole][key], rtol=1e-6, atol=1e-7)


def test_they_take_over_from_the_whole_table() -> None:
    table, whole = start(), torch.nn.Parameter(start())
    moments, adamw = RowMoments(table), torch.optim.AdamW([whole], lr=0.1, weight_decay=0.0)
    first, second, *rest = gradients()
    for gradient in (first, second):
        whole.grad = gradient
        adamw.step()
    table.copy_(whole.detach())
    moments.take_over(adamw.state[whole])
    assert moments.rows_R.tolist() == [3, 5, 7]
    for gradient in rest:
        moments.update(table, sparse(gradient), {**adamw.param_groups[0], "weight_decay": 0.0})
        whole.grad = gradient
        adamw.step()
    torch.testing.assert_close(table, whole.detach(), rtol=1e-6, atol=1e-6)
