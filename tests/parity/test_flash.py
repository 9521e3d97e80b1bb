"""The variable-length attention of CUDA: called as torch wants it, and equal to one by one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.testing import assert_close

from luthier.models.trunks import _flash

LENGTHS = (5, 1, 12, 3)
NEEDS_CUDA = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="flash attention runs on an NVIDIA GPU only"
)


def projections(device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Queries of four heads, keys and values of two, for every token."""
    torch.manual_seed(0)
    q, k, v = (
        torch.randn(
            heads, sum(LENGTHS), 64, device=device, dtype=torch.bfloat16, requires_grad=True
        )
        for heads in (4, 2, 2)
    )
    return q, k, v


def one_by_one(parts: tuple[Tensor, ...], *, is_causal: bool, window: int) -> Tensor:
    outputs: list[Tensor] = []
    for documents in zip(*(part.float().split(LENGTHS, dim=1) for part in parts), strict=True):
        query, key, value = (part[None] for part in documents)
        tokens = torch.arange(query.shape[2], device=query.device)
        age = tokens[:, None] - tokens
        seen = age.abs() < (window or len(tokens))
        if is_causal:
            seen &= age >= 0
        mixed = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=seen, scale=0.1, enable_gqa=True
        )
        outputs.append(mixed[0])
    return torch.cat(outputs, 1).transpose(0, 1)


def test_a_cpu_does_not_take_it() -> None:
    assert not _flash.takes(projections("cpu")[0])


def test_torch_accepts_the_call_and_gives_gradients() -> None:
    with FakeTensorMode():
        parts = projections("cpu")
        found = _flash.attend(*parts, LENGTHS, LENGTHS, is_causal=True, window=4, scaling=0.1)
        found.sum().backward()
    assert found.shape == (sum(LENGTHS), 4, 64)
    assert [part.grad.shape for part in parts if part.grad is not None] == [p.shape for p in parts]


def test_torch_accepts_more_keys_than_queries() -> None:
    more = tuple(length + 7 for length in LENGTHS)
    with FakeTensorMode():
        q, k, v = projections("cpu")
        index = torch.zeros(sum(more), dtype=torch.int64)
        seen = (k[:, index], v[:, index])
        found = _flash.attend(q, *seen, LENGTHS, more, is_causal=True, window=0, scaling=0.1)
        found.sum().backward()
    assert found.shape == (sum(LENGTHS), 4, 64)


@NEEDS_CUDA
@pytest.mark.parametrize(("is_causal", "window"), [(True, 0), (True, 4), (False, 0), (False, 4)])
def test_it_is_attention_document_by_document(is_causal: bool, window: int) -> None:
    parts = projections("cuda")
    assert _flash.takes(parts[0])
    found = _flash.attend(*parts, LENGTHS, LENGTHS, is_causal=is_causal, window=window, scaling=0.1)
    grads = torch.autograd.grad(found.float().square().sum(), parts)
    expected = one_by_one(parts, is_causal=is_causal, window=window)
    wanted = torch.autograd.grad(expected.square().sum(), parts)
    # bfloat16 keeps 8 bits
    assert_close(found.float(), expected, rtol=2e-2, atol=2e-2)
    assert_close(grads, wanted, rtol=5e-2, atol=5e-2)


@NEEDS_CUDA
@pytest.mark.parametrize("window", [0, 4])
def test_runs_that_go_on_from_a_beginning_see_its_keys(window: int) -> None:
    """Two answers behind a beginning of seven tokens: as two whole documents of 12 and 10."""
    q, k, v = projections("cuda")
    head, answers = torch.arange(7), (torch.arange(7, 12), torch.arange(12, 15))
    wholes = [torch.cat([head, answer]) for answer in answers]
    keys = torch.cat([head, *wholes]).cuda()
    found = _flash.attend(
        q[:, :15],
        k[:, keys],
        v[:, keys],
        (7, 5, 3),
        (7, 12, 10),
        is_causal=True,
        window=window,
        scaling=0.1,
    )
    places = torch.cat(wholes).cuda()
    whole = _flash.attend(
        q[:, places],
        k[:, places],
        v[:, places],
        (12, 10),
        (12, 10),
        is_causal=True,
        window=window,
        scaling=0.1,
    )
    assert_close(found[places], whole, rtol=2e-2, atol=2e-2)  # bfloat16 keeps 8 bits
    grads = [
        torch.autograd.grad(out.float().square().sum(), (q, k, v), retain_graph=True)
        for out in (found[places], whole)
    ]
    assert_close(grads[0], grads[1], rtol=5e-2, atol=5e-2)
