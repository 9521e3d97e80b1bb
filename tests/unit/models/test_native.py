"""Compiled pieces against the functions they stand for, in both types, on slices as they occur."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from luthier.core.errors import ModelError
from luthier.models.trunks import _native
from luthier.models.trunks._pointwise import Pointwise, pointwise

REASON = _native.hindrance()
needs_compiler = pytest.mark.skipif(bool(REASON), reason=f"nothing can be compiled: {REASON}")
TOKENS, HEADS, GROUPS, WIDTH = 7, 2, 3, 22
Call = Callable[[Pointwise, torch.dtype], list[Tensor]]


def draw(*shape: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    """A slice of something wider, so that rows are not neighbours."""
    generator = torch.Generator().manual_seed(seed)
    wider = (*shape[:-1], shape[-1] + 5)
    return (3 * torch.randn(wider, generator=generator)).to(dtype)[..., : shape[-1]]


def norms(pieces: Pointwise, dtype: torch.dtype) -> list[Tensor]:
    x, upstream, residual = (draw(TOKENS, WIDTH, dtype=dtype, seed=n) for n in range(3))
    weight = draw(WIDTH, dtype=torch.float32, seed=3)
    rate = torch.empty(TOKENS, 1)
    found = [torch.full_like(x, torch.nan) for _ in range(4)]
    pieces.norm(x, weight, 1e-5, rate, found[0])
    pieces.norm_backward(upstream, x, rate, weight, residual, found[1], found[2])
    pieces.renorm(x, rate, weight, found[3])
    return [rate, *found]


def head_norms(pieces: Pointwise, dtype: torch.dtype) -> list[Tensor]:
    x = draw(TOKENS, HEADS + 2, WIDTH, dtype=dtype)[:, 1 : HEADS + 1]
    weight = draw(WIDTH, dtype=torch.float32, seed=3)
    rate, out = torch.empty(TOKENS, HEADS, 1), torch.empty_like(x)
    pieces.norm(x, weight, 1e-5, rate, out)
    return [rate, out]


def gates(pieces: Pointwise, dtype: torch.dtype) -> list[Tensor]:
    gate, up, upstream = (draw(TOKENS, WIDTH, dtype=dtype, seed=n) * 8 for n in range(3))
    found = [torch.full_like(gate, torch.nan) for _ in range(4)]
    pieces.swiglu(gate, up, found[0])
    pieces.swiglu_backward(upstream, gate, up, *found[1:])
    return found


def rotations(pieces: Pointwise, dtype: torch.dtype) -> list[Tensor]:
    qkv = draw(TOKENS, HEADS * (GROUPS + 2), WIDTH, dtype=dtype)
    angles = draw(TOKENS, WIDTH // 2, dtype=torch.float32, seed=4)
    cos, sin = angles.cos(), angles.sin()
    q = torch.empty(HEADS, TOKENS, GROUPS, WIDTH, dtype=dtype)
    k, v = (torch.empty(HEADS, TOKENS + 3, WIDTH, dtype=dtype)[:, :TOKENS] for _ in range(2))
    pieces.rotate(qkv, cos, sin, 0.25, q, k, v)
    back = torch.empty_like(qkv)
    queries, keys, values = back.split((HEADS * GROUPS, HEADS, HEADS), 1)
    by_head = queries.unflatten(1, (HEADS, GROUPS))
    pieces.rotate_backward(q, k, v, cos, sin, 0.25, by_head, keys, values)
    return [q, k, v, back]


@needs_compiler
@pytest.mark.parametrize("call", [norms, head_norms, gates, rotations])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_compiled_pieces_equal_their_functions(call: Call, dtype: torch.dtype) -> None:
    expected = call(Pointwise(), dtype)
    found = call(pointwise(compiled=True), dtype)
    # both round once; a sum in another order moves a value over a rounding edge now and then
    bounds = {torch.bfloat16: (1 / 128, 1e-5)}.get(dtype, (2e-6, 2e-6))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=bounds[0], atol=bounds[1])


@needs_compiler
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e4, -1e4, 0.0])
def test_numbers_that_are_none_stay_visible(value: float) -> None:
    gate = torch.full((1, 20), value, dtype=torch.bfloat16)
    up, out, expected = torch.ones_like(gate), torch.empty_like(gate), torch.empty_like(gate)
    pointwise(compiled=True).swiglu(gate, up, out)
    Pointwise().swiglu(gate, up, expected)
    assert torch.equal(out.isfinite(), expected.isfinite())
    kept = out.isfinite()
    torch.testing.assert_close(out[kept], expected[kept], rtol=1e-2, atol=1e-30)


@needs_compiler
def test_an_inner_axis_with_gaps_is_refused() -> None:
    gate = torch.ones(4, 8)[:, ::2]
    with pytest.raises(ValueError, match="last axis"):
        pointwise(compiled=True).swiglu(gate, gate, torch.empty(4, 4))


@needs_compiler
def test_what_was_built_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path))
    assert _native.hindrance() == ""
    [built] = (tmp_path / "compiled").iterdir()
    before = built.stat().st_mtime_ns
    _native._opened.cache_clear()
    assert _native.hindrance() == ""
    assert built.stat().st_mtime_ns == before


def test_a_compiler_that_fails_is_a_reason_and_not_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "g++"
    compiler.write_text("#!/bin/sh\necho 'out of cheese' >&2; exit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    reason = _native.hindrance()
    assert "out of cheese" in reason or "OpenMP" in reason
    pointwise.cache_clear()
    with pytest.raises(ModelError, match=r"training\.compile = on"):
        pointwise(compiled=True)


@needs_compiler
def test_a_cache_folder_that_takes_nothing_is_a_reason_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "compiled").write_text("a file where the folder should be")
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path))
    assert "cannot be written" in _native.hindrance()
