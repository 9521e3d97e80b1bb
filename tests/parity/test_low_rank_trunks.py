"""Variants of low-rank layers on fast paths: the numbers of the general one, or a reason."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts.cases import case
from torch.testing import assert_close

from luthier.models.trunks import bert, llama


def both(objective: str, **settings: Any) -> tuple[Any, Any]:
    """The same training by the fast path and by the general one, away from the start."""
    settings = {"rank": 4, **settings}
    found = [case("lora", objective, way="float32", settings=settings) for _ in range(2)]
    for one in found:
        one.disturb()
        one.bundle.model.eval()  # dropout would be drawn in another order
    family: Any = llama.LlamaTrunk if found[0].bundle.kind == "causal_lm" else bert.BertTrunk
    dtype = next(found[0].bundle.model.parameters()).dtype
    found[0].bundle.trunk = family(found[0].bundle.model, compute_dtype=dtype)
    return found[0], found[1]


@pytest.mark.parametrize(
    ("objective", "settings"),
    [
        ("sft", {"start": "pissa"}),
        ("sft", {"rank_pattern": {"q_proj": 1, "v_proj": 3}}),
        ("sft", {"rank_stabilised": True}),
        ("classify", {"start": "pissa"}),
        ("classify", {"lengths": True}),
        ("classify", {"lengths": True, "start": "pissa"}),
    ],
)
def test_fast_and_general_agree(objective: str, settings: dict[str, Any]) -> None:
    fast, general = both(objective, **settings)
    assert fast.bundle.trunk.name != general.bundle.trunk.name
    assert fast.loss(fast.features) == pytest.approx(general.loss(general.features), rel=1e-5)
    ours = fast.gradient(fast.features, max_tokens=64)
    theirs = general.gradient(general.features, max_tokens=64)
    assert ours.keys() == theirs.keys()
    for name, gradient in ours.items():  # float32 products in another order
        assert_close(gradient, theirs[name], rtol=1e-3, atol=1e-5, msg=name)


def test_trained_lengths_are_declined_by_the_decoder_with_the_reason() -> None:
    model = case("lora", "sft", settings={"rank": 4, "lengths": True}).bundle.model
    assert "low-rank term with trained lengths (DoRA)" in llama.decline(model)


def test_trained_tokens_are_declined_with_the_reason() -> None:
    model = case("lora", "sft", settings={"rank": 4, "tokens": ["<new>"]}).bundle.model
    assert "TokenRows" in llama.decline(model)
