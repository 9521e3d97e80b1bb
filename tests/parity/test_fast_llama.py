"""The fast path of LLaMA-like decoders gives transformers' own outputs and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests import tiny
from torch import Tensor, nn

from luthier.data.features import Batch
from luthier.models.low_rank import LowRankLinear
from luthier.models.trunks import hindrance, llama
from luthier.models.trunks._shared import share

LENGTHS = (5, 140, 1, 33)
"""Ragged, and one longer than a block of attention."""
WINDOW: dict[str, Any] = {
    "use_sliding_window": True,
    "sliding_window": 20,
    "max_window_layers": 1,
}
"""The second layer sees 20 tokens, the first one all."""
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama-biased": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama-scaled-rotation": (
        "llama",
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 1e4,
                "factor": 4.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        },
    ),
    "llama-linear-rotation": (
        "llama",
        {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}},
    ),
    "llama-yarn-rotation": (
        "llama",
        {
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 1e4,
                "factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        },
    ),
    "llama-wide-heads": ("llama", {"head_dim": 16}),  # 4 heads of 16, a width of 32
    "mistral": ("mistral", {"sliding_window": None}),
    "mistral-window": ("mistral", {"sliding_window": 20}),
    "qwen2": ("qwen2", {}),
    "qwen2-window": ("qwen2", WINDOW),
    "qwen3": ("qwen3", {}),
    "qwen3-wide-heads": ("qwen3", {"head_dim": 16}),
    "qwen3-window": ("qwen3", WINDOW),
}


def _batch() -> Batch:
    ids = torch.randint(0, 512, (sum(LENGTHS),), generator=torch.Generator().manual_seed(3))
    return Batch(ids, LENGTHS, tuple(range(len(LENGTHS))))


SHARED = 50
"""Tokens that all sequences of `_sharing` begin with."""


def _sharing() -> Batch:
    lengths = (SHARED + 7, SHARED + 150, SHARED + 1)
    draws = torch.Generator().manual_seed(3)
    ids = [torch.randint(0, 512, (length,), generator=draws) for length in lengths]
    for number, part in enumerate(ids):
        part[:SHARED], part[SHARED] = ids[0][:SHARED], number
    return Batch(torch.cat(ids), lengths, (0, 1, 2))


def _pairs() -> Batch:
    """Two prompts of 20 and 30 tokens with two answers each, and two sequences of their own."""
    answers = ((20, 9), (20, 4), (30, 6), (30, 11), (0, 7), (0, 8))
    draws = torch.Generator().manual_seed(3)
    prompts = {size: torch.randint(0, 512, (size,), generator=draws) for size in (0, 20, 30)}
    ids: list[torch.Tensor] = []
    for number, (size, length) in enumerate(answers):
        own = torch.randint(0, 512, (length,), generator=draws)
        own[0] = number
        ids.append(torch.cat((prompts[size], own)))
    return Batch(torch.cat(ids), tuple(map(len, ids)), (0, 1, 2, 3))


def _model(name: str) -> Any:
    architecture, changes = FAMILIES[name]
    model = tiny.causal_lm(architecture, **changes)  # pyright: ignore[reportArgumentType]
    generator = torch.Generator().manual_seed(11)
    for parameter in model.parameters():
        if parameter.dim() == 1:  # norms and biases that do nothing would hide mistakes
            parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator)
    return model.requires_grad_(False)


def _adapt(model: Any, *, only: tuple[str, ...] = ()) -> None:
    for number, layer in enumerate(model.model.layers):
        for parent in (layer.self_attn, layer.mlp):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.Linear) and (not only or name in only):
                    added = LowRankLinear(child, rank=4, scaling=1.7)
                    added.reset(torch.Generator().manual_seed(number))
                    nn.init.normal_(
                        added.lora_B, std=0.1, generator=torch.Generator().manual_seed(number)
                    )
                    setattr(parent, name, added)


def _reference(model: Any, batch: Batch, at: Tensor) -> Tensor:
    parts = batch.input_ids_N.split(list(batch.lengths))
    return torch.cat([model.model(part[None]).last_hidden_state[0] for part in parts])[at]


def _gradients(model: Any, output: Tensor, factors: Tensor) -> dict[str, Tensor]:
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    found = torch.autograd.grad((output.float() * factors).sum(), list(named.values()))
    return dict(zip(named, found, strict=True))


def _assert_gradients_close(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        # float32 sums in another order, relative to the largest entry of the tensor
        bound = 3e-5 * float(gradient.abs().max())
        torch.testing.assert_close(found[name], gradient, rtol=0, atol=bound, msg=name)


@pytest.mark.parametrize("checkpoint", [False, True], ids=["kept", "recomputed"])
@pytest.mark.parametrize("name", FAMILIES)
def test_outputs_and_gradients_equal_transformers(name: str, checkpoint: bool) -> None:
    model, batch = _model(name), _batch()
    _adapt(model)
    at = torch.arange(2, sum(LENGTHS), 3)
    factors = torch.randn(len(at), 32, generator=torch.Generator().manual_seed(5))
    expected = _reference(model, batch, at)
    expected_gradients = _gradients(model, expected, factors)
    assert llama.decline(model) == ""
    trunk = llama.LlamaTrunk(model, compute_dtype=torch.float32, gradient_checkpointing=checkpoint)

    found = trunk.hidden(batch, at)

    torch.testing.assert_close(found, expected, rtol=1e-5, atol=5e-5)
    _assert_gradients_close(_gradients(model, found, factors), expected_gradients)


@pytest.mark.parametrize("checkpoint", [False, True], ids=["kept", "recomputed"])
@pytest.mark.parametrize("name", ["llama", "mistral-window", "qwen3"])
def test_a_shared_beginning_changes_no_output_and_no_gradient(name: str, checkpoint: bool) -> None:
    model, batch = _model(name), _sharing()
    _adapt(model)
    at = torch.cat((torch.arange(3, 9), torch.arange(60, batch.num_tokens, 3)))  # both sides
    factors = torch.randn(len(at), 32, generator=torch.Generator().manual_seed(5))
    expected = _reference(model, batch, at)
    expected_gradients = _gradients(model, expected, factors)
    trunk = llama.LlamaTrunk(model, compute_dtype=torch.float32, gradient_checkpointing=checkpoint)

    found = trunk.hidden(batch, at)

    torch.testing.assert_close(found, expected, rtol=1e-5, atol=5e-5)
    _assert_gradients_close(_gradients(model, found, factors), expected_gradients)


def test_a_shared_beginning_is_computed_once() -> None:
    batch, shared = _sharing(), share(_sharing())
    assert shared is not None
    assert shared.lengths[0] == SHARED
    assert len(shared.kept) == batch.num_tokens - 2 * SHARED
    assert torch.equal(batch.input_ids_N[shared.kept][shared.places], batch.input_ids_N)


def test_every_prompt_is_computed_once_where_each_has_two_answers() -> None:
    batch = _pairs()
    shared = share(batch)
    assert shared is not None
    assert shared.lengths == (20, 9, 4, 30, 6, 11, 7, 8)
    assert shared.before == (0, 20, 20, 0, 30, 30, 0, 0)
    assert torch.equal(batch.input_ids_N[shared.kept][shared.places], batch.input_ids_N)


def test_a_beginning_that_all_share_goes_before_those_that_some_share() -> None:
    ids, draws = torch.arange(60), torch.Generator().manual_seed(3)
    own = [torch.cat((ids, torch.randint(60, 90, (5,), generator=draws))) for _ in range(4)]
    batch = Batch(torch.cat(own), (65,) * 4, (0, 1, 2, 3))
    shared = share(batch)
    assert shared is not None
    assert shared.before == (0, *(shared.lengths[0],) * 4)
    assert shared.lengths[0] >= 60


@pytest.mark.parametrize("name", ["llama", "mistral-window", "qwen3"])
def test_prompts_of_several_pairs_change_no_output_and_no_gradient(name: str) -> None:
    model, batch = _model(name), _pairs()
    _adapt(model)
    at = torch.cat((torch.arange(19, 29), torch.arange(48, batch.num_tokens, 2)))
    factors = torch.randn(len(at), 32, generator=torch.Generator().manual_seed(5))
    expected = _reference(model, batch, at)
    expected_gradients = _gradients(model, expected, factors)
    trunk = llama.LlamaTrunk(model, compute_dtype=torch.float32)

    found = trunk.hidden(batch, at)

    torch.testing.assert_close(found, expected, rtol=1e-5, atol=5e-5)
    _assert_gradients_close(_gradients(model, found, factors), expected_gradients)


def test_sequences_without_a_long_common_beginning_stay_as_they_are() -> None:
    assert share(_batch()) is None


@pytest.mark.skipif(bool(hindrance()), reason=f"nothing can be compiled: {hindrance()}")
@pytest.mark.parametrize("name", ["llama", "qwen3"])
def test_compiled_pieces_give_the_same_outputs_and_gradients(name: str) -> None:
    model, batch = _model(name), _batch()
    _adapt(model)
    at = torch.arange(2, sum(LENGTHS), 3)
    factors = torch.randn(len(at), 32, generator=torch.Generator().manual_seed(5))
    expected = _reference(model, batch, at)
    expected_gradients = _gradients(model, expected, factors)
    trunk = llama.LlamaTrunk(model, compute_dtype=torch.float32, compile=True)

    found = trunk.hidden(batch, at)

    torch.testing.assert_close(found, expected, rtol=1e-5, atol=5e-5)
    _assert_gradients_close(_gradients(model, found, factors), expected_gradients)


def test_adapters_on_some_layers_only_get_the_same_gradients() -> None:
    model, batch = _model("llama"), _batch()
    _adapt(model, only=("q_proj", "v_proj", "down_proj"))
    at = torch.arange(sum(LENGTHS))
    factors = torch.randn(len(at), 32, generator=torch.Generator().manual_seed(5))
    expected = _gradients(model, _reference(model, batch, at), factors)
    trunk = llama.LlamaTrunk(model, compute_dtype=torch.float32)
    _assert_gradients_close(_gradients(model, trunk.hidden(batch), factors), expected)


def test_probabilities_formed_again_give_the_gradients_of_kept_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, batch = _model("llama"), _batch()
    _adapt(model)
    factors = torch.randn(sum(LENGTHS), 32, generator=torch.Generator().manual_seed(5))
    trunk = llama.LlamaTrunk(model, compute_dtype=torch.float32)
    kept = _gradients(model, trunk.hidden(batch), factors)
    monkeypatch.setattr(llama, "_KEPT_BYTES", 0)
    again = _gradients(model, trunk.hidden(batch), factors)
    assert all(torch.equal(kept[name], again[name]) for name in kept)


def test_embeddings_get_their_gradient_through_every_layer() -> None:
    model, batch = _model("llama"), _batch()
    model.model.embed_tokens.weight.requires_grad_(True)
    at = torch.arange(sum(LENGTHS))
    factors = torch.randn(len(at), 32, generator=torch.Generator().manual_seed(5))
    expected = _gradients(model, _reference(model, batch, at), factors)
    trunk = llama.LlamaTrunk(model, compute_dtype=torch.float32)
    _assert_gradients_close(_gradients(model, trunk.hidden(batch), factors), expected)


@pytest.mark.parametrize("name", FAMILIES)
def test_bfloat16_is_no_further_from_float32_than_transformers_is(name: str) -> None:
    model, batch = _model(name), _batch()
    _adapt(model)
    at = torch.arange(sum(LENGTHS))
    factors = torch.randn(len(at), 32, generator=torch.Generator().manual_seed(5))
    exact = _reference(model, batch, at)
    exact_gradients = _gradients(model, exact, factors)
    for parameter in model.parameters():
        if not parameter.requires_grad:
            parameter.data = parameter.data.bfloat16()
    theirs = _reference(model, batch, at)
    their_gradients = _gradients(model, theirs, factors)
    trunk = llama.LlamaTrunk(model, compute_dtype=torch.bfloat16)
    ours = trunk.hidden(batch)
    our_gradients = _gradients(model, ours, factors)

    # both round to 8 bits at different places: the same size of error, give or take chance
    assert _error(ours, exact) < 1.5 * _error(theirs, exact)
    names = list(exact_gradients)
    our_error = sum(_error(our_gradients[n], exact_gradients[n]) for n in names)
    their_error = sum(_error(their_gradients[n], exact_gradients[n]) for n in names)
    assert our_error < 1.5 * their_error


def _error(found: Tensor, exact: Tensor) -> float:
    return float((found.detach().float() - exact.detach()).norm() / exact.detach().norm())


def test_switched_off_adapters_give_the_base_back_and_leave_a_waiting_backward_alone() -> None:
    model, batch = _model("llama"), _batch()
    factors = torch.randn(sum(LENGTHS), 32, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        base = llama.LlamaTrunk(model, compute_dtype=torch.float32).hidden(batch)
    _adapt(model)
    trunk = llama.LlamaTrunk(model, compute_dtype=torch.float32)
    adapters = [module for module in model.modules() if isinstance(module, LowRankLinear)]
    expected = _gradients(model, trunk.hidden(batch), factors)

    waiting = trunk.hidden(batch)
    for adapter in adapters:
        adapter.enabled = False
    with torch.no_grad():
        off = trunk.hidden(batch)
    for adapter in adapters:
        adapter.enabled = True

    torch.testing.assert_close(off, base, rtol=1e-5, atol=1e-5)
    found = _gradients(model, waiting, factors)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_pack_gives_each_sequence_what_it_gives_alone() -> None:
    model, batch = _model("llama"), _batch()
    trunk = llama.LlamaTrunk(model, compute_dtype=torch.float32)
    parts = batch.input_ids_N.split(list(LENGTHS))
    alone = [trunk.hidden(Batch(part, (len(part),), (0,))) for part in parts]
    torch.testing.assert_close(trunk.hidden(batch), torch.cat(alone), rtol=1e-5, atol=1e-5)


def test_base_weights_are_stored_once_and_follow_changes() -> None:
    model, batch = _model("llama"), _batch()
    before = {name: p.clone() for name, p in model.named_parameters()}
    trunk = llama.LlamaTrunk(model, compute_dtype=torch.float32)
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    attention = model.model.layers[0].self_attn
    storages = {p.weight.untyped_storage().data_ptr() for p in (attention.q_proj, attention.k_proj)}
    assert len(storages) == 1

    attention.q_proj.weight.data = attention.q_proj.weight.data * 0.5  # replaced, not changed
    model.model.layers[1].mlp.up_proj.weight.data.mul_(2.0)  # changed in place
    at = torch.arange(sum(LENGTHS))
    expected = _reference(model, batch, at)
    torch.testing.assert_close(trunk.hidden(batch), expected, rtol=1e-5, atol=5e-5)


def test_a_joined_model_saves_and_loads_as_before(tmp_path: Any) -> None:
    model = _model("qwen2")
    before = {name: p.clone() for name, p in model.named_parameters()}
    llama.LlamaTrunk(model, compute_dtype=torch.float32)
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    assert all(torch.equal(p, before[name]) for name, p in again.named_parameters())


def test_a_decoder_with_a_class_head_scores_as_transformers_does() -> None:
    model = tiny.classifier("llama").requires_grad_(False)
    assert llama.decline(model) == ""
    trunk = llama.LlamaTrunk(model, compute_dtype=torch.float32)
    batch = _batch()
    parts = batch.input_ids_N.split(list(LENGTHS))
    expected = torch.cat([model(part[None]).logits for part in parts])
    torch.testing.assert_close(trunk.scores(batch), expected, rtol=1e-5, atol=5e-5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"attention_dropout": 0.1}, "attention dropout"),
        ({"hidden_act": "gelu"}, "gelu"),
        (
            {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}},
            "dynamic",
        ),
    ],
)
def test_what_it_cannot_run_it_declines_with_the_reason(
    change: dict[str, Any], reason: str
) -> None:
    assert reason in llama.decline(tiny.causal_lm("llama", **change).requires_grad_(False))


def test_trained_base_weights_and_other_layers_are_declined() -> None:
    model = _model("llama")
    model.model.layers[1].mlp.up_proj.weight.requires_grad_(True)
    assert "layer 1: mlp.up_proj.weight is trained" in llama.decline(model)
    assert "gpt2" in llama.decline(tiny.causal_lm("gpt2"))
    model = _model("llama")
    linear = model.model.layers[0].mlp.up_proj
    model.model.layers[0].mlp.up_proj = LowRankLinear(linear, rank=2, scaling=1.0, dropout=0.1)
    assert "dropout" in llama.decline(model)
