"""The general trunk against transformers itself: same logits, same gradients, packed or not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests import tiny
from torch.testing import assert_close

from luthier.data.features import Batch
from luthier.models.low_rank import LowRankLinear
from luthier.models.trunks import build

DECODERS = ("llama", "qwen2", "qwen3", "mistral", "gemma2", "gpt2")
LENGTHS = (5, 1, 12, 3)


def batch_of(lengths: tuple[int, ...] = LENGTHS, *, low: int = 5, high: int = 100) -> Batch:
    ids = torch.randint(low, high, (sum(lengths),), generator=torch.Generator().manual_seed(1))
    return Batch(ids, lengths, tuple(range(len(lengths))))


def alone(batch: Batch) -> list[Batch]:
    parts = batch.input_ids_N.split(list(batch.lengths))
    return [Batch(ids, (len(ids),), (i,)) for i, ids in enumerate(parts)]


def logits_of(trunk: Any, batch: Batch) -> torch.Tensor:
    head = trunk.head()
    logits = torch.nn.functional.linear(trunk.hidden(batch), head.weight, head.bias) * head.scale
    return head.softcap * torch.tanh(logits / head.softcap) if head.softcap else logits


def reference(model: Any, batch: Batch) -> torch.Tensor:
    """transformers' own forward pass with its own eager attention, one document at a time."""
    kept = model.config._attn_implementation
    model.config._attn_implementation = "eager"
    try:
        found = [model(input_ids=part.input_ids_N[None]).logits for part in alone(batch)]
    finally:
        model.config._attn_implementation = kept
    return torch.cat([item[0] if item.dim() == 3 else item for item in found])


@pytest.mark.parametrize("architecture", DECODERS)
def test_packed_logits_are_those_of_transformers(architecture: Any) -> None:
    model, batch = tiny.causal_lm(architecture), batch_of()
    trunk: Any = build(model, "causal_lm", prefer="general", compute_dtype=torch.float32)
    assert trunk.notes == []  # packed, not padded
    # float32 sums in another order
    assert_close(logits_of(trunk, batch), reference(model, batch), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", DECODERS)
def test_packed_gradients_are_those_of_transformers(architecture: Any) -> None:
    batch = batch_of()
    grads: list[dict[str, torch.Tensor]] = []
    for packed in (True, False):
        model = tiny.causal_lm(architecture)
        trunk = build(model, "causal_lm", prefer="general", compute_dtype=torch.float32)
        logits = logits_of(trunk, batch) if packed else reference(model, batch)
        logits.square().mean().backward()
        grads.append({name: p.grad for name, p in model.named_parameters()})
    assert_close(grads[0], grads[1], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "bert", "roberta", "gpt2"])
def test_packed_scores_are_those_of_transformers(architecture: Any) -> None:
    model, batch = tiny.classifier(architecture), batch_of()
    trunk: Any = build(model, "sequence_classifier", prefer="general", compute_dtype=torch.float32)
    assert trunk.notes == []
    assert_close(trunk.scores(batch), reference(model, batch).float(), rtol=1e-4, atol=1e-5)


def test_a_document_that_ends_with_the_padding_token_is_scored_by_its_last_token() -> None:
    model = tiny.classifier("llama")
    trunk = build(model, "sequence_classifier", prefer="general", compute_dtype=torch.float32)
    ids = torch.tensor([7, 8, model.config.pad_token_id])
    hidden = model.model(input_ids=ids[None]).last_hidden_state[0, -1]
    found = trunk.scores(Batch(ids, (3,), (0,)))
    assert_close(found[0], model.score(hidden), rtol=1e-4, atol=1e-5)


def test_a_sliding_window_shorter_than_the_document_is_kept() -> None:
    model, batch = tiny.causal_lm("mistral", sliding_window=4), batch_of()
    trunk = build(model, "causal_lm", prefer="general", compute_dtype=torch.float32)
    assert_close(logits_of(trunk, batch), reference(model, batch), rtol=1e-4, atol=1e-5)


def test_only_the_wanted_positions_come_back() -> None:
    trunk, batch = tiny.bundle().trunk, batch_of()
    at = torch.tensor([0, 5, 20])
    assert_close(trunk.hidden(batch, at), trunk.hidden(batch)[at], rtol=0, atol=0)


@pytest.mark.parametrize("architecture", ["llama", "bert"])
def test_checkpointing_changes_no_gradient(architecture: Any) -> None:
    batch = batch_of()
    grads: list[dict[str, torch.Tensor]] = []
    for on in (False, True):
        model = tiny.classifier(architecture).train()
        for part in model.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0
        model.config.attention_probs_dropout_prob = 0.0
        trunk = build(
            model,
            "sequence_classifier",
            prefer="general",
            gradient_checkpointing=on,
            compute_dtype=torch.float32,
        )
        for part in model.modules():
            if hasattr(part, "attention_dropout"):
                part.attention_dropout = 0.0
        trunk.scores(batch).square().sum().backward()
        grads.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    assert_close(grads[0], grads[1], rtol=1e-5, atol=1e-7)


def test_pairs_are_told_apart_as_the_tokenizer_would() -> None:
    model, words = tiny.classifier("bert"), tiny.word_tokenizer()
    model.config.sep_token_id = words.sep_token_id
    trunk = build(model, "sequence_classifier", prefer="general", compute_dtype=torch.float32)
    pair = words("hello world", "yes", return_tensors="pt")
    ids = pair["input_ids"][0]
    found = trunk.scores(Batch(torch.cat([ids, ids]), (len(ids), len(ids)), (0, 1)))
    assert_close(found, model(**pair).logits.repeat(2, 1), rtol=1e-4, atol=1e-5)


def test_low_rank_layers_train_in_float32_over_bfloat16() -> None:
    model = tiny.causal_lm("llama").bfloat16().requires_grad_(False)
    for layer in model.model.layers:
        layer.mlp.up_proj = LowRankLinear(layer.mlp.up_proj, rank=2, scaling=1.0)
        layer.mlp.up_proj.reset(torch.Generator().manual_seed(0))
    trunk = build(model, "causal_lm", prefer="general", compute_dtype=torch.bfloat16)
    trunk.hidden(batch_of()).float().square().mean().backward()
    up = model.model.layers[0].mlp.up_proj
    assert up.lora_B.grad.dtype == torch.float32
    assert up.lora_B.grad.abs().sum() > 0


def test_an_architecture_that_leaks_between_documents_is_padded_and_said_so() -> None:
    """A state-space model carries its state on, whatever attention does."""
    settings = {"state_size": 4, "num_hidden_layers": 2, "hidden_size": 32, "expand": 2}
    model = tiny.small("mamba", **settings)
    trunk: Any = build(model, "causal_lm", prefer="general", compute_dtype=torch.float32)
    assert trunk.notes == [
        "sequences are padded, and what they begin with alike is computed for each: this "
        "architecture cannot be packed without contamination"
    ]
    batch = batch_of()
    expected = [model(input_ids=part.input_ids_N[None]).logits[0] for part in alone(batch)]
    assert_close(logits_of(trunk, batch), torch.cat(expected), rtol=1e-3, atol=1e-4)


def test_the_model_still_generates_as_before() -> None:
    model = tiny.causal_lm("llama")
    prompt = torch.tensor([[5, 9, 11]])
    settings = {"max_new_tokens": 8, "do_sample": False, "attention_mask": torch.ones(1, 3)}
    before = model.generate(prompt, **settings)
    build(model, "causal_lm", prefer="general", compute_dtype=torch.float32)
    assert model.generate(prompt, **settings).tolist() == before.tolist()


def test_the_way_of_running_is_not_written_into_the_saved_config() -> None:
    bundle: Any = tiny.bundle()
    assert "luthier" not in bundle.model.config.to_json_string()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_leak_that_few_digits_hide_is_found(dtype: torch.dtype) -> None:
    """Falcon-H1's states reach the next document: small weights move it by half a percent."""
    settings = {"mamba_d_ssm": 32, "mamba_n_heads": 4, "mamba_d_head": 8, "head_dim": 8}
    model = tiny.small("falcon_h1", hidden_size=32, num_hidden_layers=2, **settings)
    for parameter in model.parameters():
        parameter.data.normal_(0, 0.02) if parameter.dim() > 1 else None
    trunk: Any = build(model.to(dtype), "causal_lm", prefer="general", compute_dtype=dtype)
    assert any("cannot be packed" in note for note in trunk.notes)
