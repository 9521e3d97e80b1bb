"""The chunked head agrees with torch's cross-entropy, value and gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from luthier.ops.cross_entropy import IGNORE, linear_cross_entropy, token_logprobs

M, D, V = 37, 16, 101


def _case() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(7)
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    labels = torch.randint(0, V, (M,), generator=generator)
    labels[3] = IGNORE
    weights = torch.rand(M, generator=generator)
    weights[5] = 0.0
    return {
        "hidden": draw(M, D).requires_grad_(),
        "weight": draw(V, D).requires_grad_(),
        "bias": draw(V).requires_grad_(),
        "labels": labels,
        "weights": weights,
    }


def _reference(case: dict[str, Tensor], scale: float, softcap: float) -> Tensor:
    logits = nn.functional.linear(case["hidden"], case["weight"], case["bias"]) * scale
    logits = softcap * torch.tanh(logits / softcap) if softcap else logits
    return nn.functional.cross_entropy(
        logits, case["labels"], ignore_index=IGNORE, reduction="none"
    )


@pytest.mark.parametrize("chunk", [0, 1, 8, 64])
@pytest.mark.parametrize(("scale", "softcap"), [(1.0, 0.0), (0.25, 5.0)])
def test_sum_and_gradients_equal_torchs_cross_entropy(
    chunk: int, scale: float, softcap: float
) -> None:
    case = _case()
    wanted = [case["hidden"], case["weight"], case["bias"]]
    expected = (_reference(case, scale, softcap) * case["weights"]).sum()
    expected_gradients = torch.autograd.grad(expected * 3.0, wanted)

    total, count = linear_cross_entropy(
        case["hidden"], case["weight"], case["labels"], case["weights"],
        bias=case["bias"], scale=scale, softcap=softcap, chunk=chunk,
    )  # fmt: skip

    torch.testing.assert_close(total, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(count, case["weights"].sum() - case["weights"][3])
    gradients = torch.autograd.grad(total * 3.0, wanted)
    torch.testing.assert_close(gradients, expected_gradients, rtol=1e-4, atol=1e-5)


def test_logprobs_per_token_carry_their_own_gradients() -> None:
    case = _case()
    factors = torch.linspace(-1, 1, M)
    expected = -_reference(case, 1.0, 0.0)
    wanted = [case["hidden"], case["weight"], case["bias"]]
    expected_gradients = torch.autograd.grad((expected * factors).sum(), wanted)

    found = token_logprobs(
        case["hidden"], case["weight"], case["labels"], bias=case["bias"], chunk=8
    )

    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    gradients = torch.autograd.grad((found * factors).sum(), wanted)
    torch.testing.assert_close(gradients, expected_gradients, rtol=1e-4, atol=1e-5)


def test_logprobs_under_a_frozen_head_carry_the_same_gradients() -> None:
    case = _case()
    factors = torch.linspace(-1, 1, M)
    expected = -_reference(case, 1.0, 0.0)
    (expected_gradient,) = torch.autograd.grad((expected * factors).sum(), case["hidden"])
    weight, bias = case["weight"].detach(), case["bias"].detach()

    found = token_logprobs(case["hidden"], weight, case["labels"], bias=bias, chunk=8)

    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    (gradient,) = torch.autograd.grad((found * factors).sum(), case["hidden"])
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-4, atol=1e-5)


def test_a_frozen_head_gets_no_gradient_and_no_rows_give_zero() -> None:
    hidden = torch.zeros(0, D, requires_grad=True)
    none = torch.zeros(0, dtype=torch.long)
    total, count = linear_cross_entropy(hidden, torch.zeros(V, D), none, none.float())
    total.backward()
    assert (float(total.detach()), float(count)) == (0.0, 0.0)
    assert hidden.grad is not None
    assert hidden.grad.shape == (0, D)


def test_labels_too_unlikely_for_float32_still_have_a_finite_loss() -> None:
    hidden = torch.eye(2) * 100.0
    labels = torch.tensor([1, 0])
    total, _ = linear_cross_entropy(hidden, torch.eye(2), labels, torch.ones(2))
    torch.testing.assert_close(total, torch.tensor(200.0))


def test_bfloat16_sums_are_as_close_to_float32_as_their_logits_allow() -> None:
    case = _case()
    args = (case["labels"], case["weights"])
    exact, _ = linear_cross_entropy(case["hidden"], case["weight"], *args)
    rounded, _ = linear_cross_entropy(case["hidden"].bfloat16(), case["weight"].bfloat16(), *args)
    assert rounded.dtype == torch.float32
    # logits here reach about 15, where bfloat16 is spaced 2**-4: half of it per row is the bound
    assert abs(float((rounded - exact).detach())) < 2**-5 * M
