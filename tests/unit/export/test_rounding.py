"""Rounding keeps what training added, on average, and can be drawn anew without merging."""

from __future__ import annotations

import torch
from tests import tiny
from torch.testing import assert_close

from luthier.export._rounding import disturb, rounded, store
from luthier.models.low_rank import LowRankLinear

STEP = 2.0**-7
"""Distance of bfloat16 numbers between 1 and 2."""


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_weight_becomes_one_of_its_two_neighbours() -> None:
    weight = torch.full((1000,), 1 + 0.3 * STEP)
    assert set(rounded(weight, draws()).tolist()) == {1.0, 1 + STEP}
    assert set(rounded(-weight, draws()).tolist()) == {-1.0, -1 - STEP}


def test_a_change_too_small_for_the_nearest_number_survives_on_average() -> None:
    weight = torch.full((100_000,), 1 + 0.3 * STEP)
    assert torch.equal(weight.bfloat16(), torch.ones(100_000).bfloat16())
    share = (rounded(weight, draws()).float().mean() - 1) / STEP
    # the standard error of a share of 0.3 in 100,000 draws is 0.0014
    assert abs(float(share) - 0.3) < 0.007


def test_what_bfloat16_holds_is_left_alone() -> None:
    weight = torch.randn(1000, generator=draws()).bfloat16()
    assert torch.equal(rounded(weight.float(), draws(1)), weight)


def test_a_model_is_stored_alike_every_time() -> None:
    first, second = tiny.causal_lm(), tiny.causal_lm()
    store(first, torch.bfloat16)
    store(second, torch.bfloat16)
    assert {p.dtype for p in first.parameters()} == {torch.bfloat16}
    assert_close(first.state_dict(), second.state_dict(), rtol=0, atol=0)


def test_errors_drawn_anew_are_those_of_the_merged_weight_and_leave_the_adapter() -> None:
    model = tiny.causal_lm().bfloat16().requires_grad_(False)
    layer = LowRankLinear(model.model.layers[0].mlp.up_proj, rank=2, scaling=1.0)
    layer.reset(draws())
    torch.nn.init.normal_(layer.lora_B, std=1e-3, generator=draws(1))
    model.model.layers[0].mlp.up_proj = layer
    model.float()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    disturb(model, seed=1)
    moved = {name for name, p in model.named_parameters() if not torch.equal(before[name], p)}
    # all other weights are bfloat16 numbers, which rounding leaves alone
    assert moved == {"model.layers.0.mlp.up_proj.base.weight"}
    merged = layer.base.weight + layer.delta()
    assert_close(merged, merged.bfloat16().float(), rtol=1e-6, atol=1e-9)
