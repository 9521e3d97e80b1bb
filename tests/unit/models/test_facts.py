"""What planning counts with: parameters, bytes, and multiplications per token."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests import tiny
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModel

from luthier.models.facts import facts_of
from luthier.workflow.models import fetch_model

LAYER = 32 * (32 + 16 + 16 + 32) + 3 * 32 * 64 + 2 * 32
"""Queries, keys, values and output, the three matrices of the MLP, two norms."""
TRUNK = 2 * LAYER + 32


def test_the_trunk_is_all_that_a_token_is_multiplied_with() -> None:
    facts = facts_of(tiny.causal_lm("llama"))
    assert facts.num_trunk_parameters == TRUNK
    assert facts.num_parameters == TRUNK + 512 * 32
    assert facts.weight_bytes == 4 * (TRUNK + 512 * 32)


@pytest.mark.parametrize("trained", [False, True], ids=["frozen", "trained"])
def test_flops_per_token_are_those_that_torch_counts(*, trained: bool) -> None:
    model = tiny.causal_lm("llama")
    model.requires_grad_(trained)
    # gradients reach the input in either case: adapters sit in every layer
    inputs_BTD = torch.randn(1, 2, 32, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        model.base_model(
            inputs_embeds=inputs_BTD, use_cache=False
        ).last_hidden_state.sum().backward()
    counted = counter.get_total_flops() / 2
    # the scores of two tokens and the scales of norms are all that differs
    assert facts_of(model).flops_per_token(trained_weights=trained) == pytest.approx(
        counted, rel=0.03
    )


@pytest.mark.parametrize("name", ["roberta", "mpnet", "xlm-roberta", "camembert", "longformer"])
def test_positions_that_begin_behind_the_padding_are_no_context(name: str) -> None:
    settings = AutoConfig.for_model(
        name,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        vocab_size=50,
        max_position_embeddings=34,
        pad_token_id=1,
        **({"attention_window": [8]} if name == "longformer" else {}),
    )
    with torch.device("meta"):
        drawn = AutoModel.from_config(settings)
    assert facts_of(drawn).context_length == 32
    assert facts_of(tiny.classifier("bert")).context_length == 256


def test_fetching_says_parameters_bytes_and_flops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    found = fetch_model(str(tiny.folder(tmp_path / "model")))
    assert found["num_parameters"] == TRUNK + 512 * 32
    assert found["weight_bytes"] == 4 * (TRUNK + 512 * 32)
    assert found["trunk_flops_per_token_adapter"] == 4 * TRUNK
    assert found["trunk_flops_per_token_full"] == 6 * TRUNK
