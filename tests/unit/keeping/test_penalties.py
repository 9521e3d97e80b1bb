"""Terms that hold a training near its start: against closed forms, alone and together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.unit.keeping.arranged import arranged, build, general, job_of, setting
from torch.testing import assert_close

from luthier.engine.accumulate import accumulate
from luthier.engine.optimizer import open_optimizer
from luthier.keeping import kl_to_base
from luthier.objectives import token_loss

NO_LIMIT = 10**9


def gradients(found: Any, fields: dict[str, Any], *, max_tokens: int = NO_LIMIT) -> Any:
    """Mean gradients of an update of all rows, and what was measured."""
    job = job_of(found, Path("unused"), **fields)
    optimizer = open_optimizer(job)
    measured = accumulate(job, optimizer, found.features, step=0, max_tokens=max_tokens)
    named = {name: g / measured.count for name, g in optimizer.gradients().items()}
    optimizer.clear()
    return named, measured


def test_l2_sp_pulls_every_weight_towards_its_start_by_its_weight() -> None:
    option = build("l2_sp", weight=0.3)
    found, fields = arranged("full", "sft", [option])
    start = found.parameters()
    found.disturb()
    plain, before = gradients(found, {})
    held, after = gradients(found, fields)
    now = found.parameters()
    for name, gradient in held.items():
        expected = plain[name] + 0.3 * (now[name] - start[name])
        assert_close(gradient, expected, rtol=1e-4, atol=1e-6)
    apart = sum(float((now[name] - start[name]).square().sum()) for name in start)
    assert after.loss - before.loss == pytest.approx(0.15 * apart, rel=1e-4)
    assert after.metrics["l2_sp"] == pytest.approx(0.15 * apart, rel=1e-4)


@pytest.mark.parametrize("max_tokens", [NO_LIMIT, 25])
def test_penalties_do_not_depend_on_how_a_batch_is_cut(max_tokens: int) -> None:
    options = [build("l2_sp", weight=0.1), build("kl_to_base", weight=0.5, rows_per_update=3)]
    found, fields = arranged("full", "sft", options)
    found.disturb()
    whole, _ = gradients(found, fields)
    cut, _ = gradients(found, fields, max_tokens=max_tokens)
    assert_close(cut, whole, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("tuner", ["full", "lora"])
@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_kl_to_base_is_the_divergence_of_both_models_on_general_answers(
    tuner: str, beta: float
) -> None:
    option = build("kl_to_base", weight=0.5, rows_per_update=3, beta=beta)
    found, _ = arranged(tuner, "sft", [option])
    features = general(found).features
    assert float(option.penalty(0).detach()) == pytest.approx(0.0, abs=1e-6)
    base = logprobs(found, features)
    found.disturb()
    tuned = logprobs(found, features)
    mixture = torch.logsumexp(
        torch.stack([tuned + torch.tensor(1 - beta).log(), base + torch.tensor(beta).log()]), 0
    )
    expected = {
        0.0: kl(base, tuned),
        1.0: kl(tuned, base),
        0.5: beta * kl(base, mixture) + (1 - beta) * kl(tuned, mixture),
    }[beta]
    assert float(option.penalty(0).detach()) == pytest.approx(0.5 * float(expected), rel=1e-4)


def test_the_gradient_of_kl_to_base_is_that_of_autograd() -> None:
    option = build("kl_to_base", weight=1.0, rows_per_update=3)
    found, _ = arranged("full", "sft", [option])
    features = general(found).features
    base = logprobs(found, features)
    found.disturb()
    named = dict(found.bundle.model.named_parameters())
    ours = torch.autograd.grad(option.penalty(0), list(named.values()))
    with torch.enable_grad():
        theirs = torch.autograd.grad(
            kl(base, logprobs(found, features, grad=True)), list(named.values())
        )
    assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_kl_to_base_looks_at_other_rows_in_other_updates_and_at_each_as_often() -> None:
    option = build("kl_to_base", rows_per_update=1)
    arranged("lora", "sft", [option])
    seen = [option._general.rows(step)[0].row for step in range(6)]
    assert sorted(seen) == [0, 0, 1, 1, 2, 2]


def test_kl_to_base_holds_what_fits_into_memory_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, _ = arranged("lora", "sft", [])
    rows = general(found).features
    two = sum(item.num_trained for item in rows[:2])
    monkeypatch.setattr(kl_to_base, "_MOST_BYTES", 32 * 4 * (two + 1))
    heard: list[str] = []
    option = build("kl_to_base", rows_per_update=1)
    option.prepare(setting(found, heard.append))
    assert "keep.kl_to_base: the first 2 of 3 general rows" in heard[0]
    assert sum(part.shape[0] for part in option._base.values()) == two
    assert {option._general.rows(step)[0].row for step in range(6)} == {0, 1}
    option.penalty(0)


def test_ewc_counts_distances_by_squared_gradients_of_general_answers() -> None:
    option = build("ewc", weight=2.0, num_rows=3)
    found, _ = arranged("full", "sft", [option])
    named = dict(found.bundle.model.named_parameters())
    start = found.parameters()
    fisher = {name: torch.zeros_like(p) for name, p in start.items()}
    tokens = 0.0
    found.bundle.model.eval()
    for item in general(found).features:
        total, count = token_loss(found.bundle, found.objective.collate([item]))
        for (name, _), g in zip(
            named.items(), torch.autograd.grad(total, list(named.values())), strict=True
        ):
            fisher[name] += g.square()
        tokens += float(count)
    found.disturb()
    now = found.parameters()
    expected = sum(
        float((fisher[name] / tokens * (now[name] - start[name]).square()).sum()) for name in start
    )
    assert float(option.penalty(0).detach()) == pytest.approx(expected, rel=1e-4)


def test_ewc_leaves_no_gradient_and_of_lora_weighs_b_alone() -> None:
    option = build("ewc")
    found, _ = arranged("lora", "sft", [option])
    assert all(p.grad is None for p in found.bundle.model.parameters())
    assert option._fisher
    assert all(name.endswith("lora_B") for name in option._fisher)


def logprobs(found: Any, features: Any, *, grad: bool = False) -> torch.Tensor:
    """Log-probabilities of all tokens at trained positions (M, V)."""
    batch = found.objective.collate(features)
    with torch.set_grad_enabled(grad):
        hidden = found.bundle.trunk.hidden(batch, batch.tensors["at"])
        return torch.log_softmax(hidden @ found.bundle.trunk.head().weight.T, -1)


def kl(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Mean KL(one || other) per position."""
    return (one.exp() * (one - other)).sum(-1).mean()
