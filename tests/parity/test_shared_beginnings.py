"""A prompt computed once for its answers: the losses and gradients of computing it for each."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests import tiny
from torch import Tensor
from torch.testing import assert_close

from luthier.data.features import Batch
from luthier.models.key_value_prefix import NAME, KeyValuePrefix
from luthier.models.trunks import apart, build
from luthier.models.trunks._documents import Documents, Pack, attention
from luthier.objectives.dpo import pair_loss
from luthier.ops.cross_entropy import token_logprobs

SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
}
MODELS: dict[str, Any] = {
    "gpt2": lambda: tiny.causal_lm("gpt2"),
    "qwen2": lambda: tiny.causal_lm("qwen2"),
    "gemma2": lambda: tiny.causal_lm("gemma2", sliding_window=7),
    "mistral": lambda: tiny.causal_lm("mistral", sliding_window=4),
    "phi": lambda: tiny.small("phi", **SIZES),
    "opt": lambda: tiny.small(
        "opt", hidden_size=32, word_embed_proj_dim=32, ffn_dim=64, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=256,
    ),
}  # fmt: skip
"""Learned positions, rotations, soft caps, windows shorter than the prompt, parallel blocks, and
positions that are counted from 2."""
PROMPTS, ANSWERS = (20, 11), ((9, 4), (3, 12))


def pairs() -> Batch:
    """Two prompts with two answers each, and a text that begins like none of them."""
    draws = torch.Generator().manual_seed(1)
    parts: list[Tensor] = []
    for length, answers in zip(PROMPTS, ANSWERS, strict=True):
        prompt = torch.randint(5, 500, (length,), generator=draws)
        for answer in answers:
            parts.append(torch.cat([prompt, torch.randint(5, 500, (answer,), generator=draws)]))
    parts.append(torch.randint(5, 500, (6,), generator=draws))
    return Batch(torch.cat(parts), tuple(map(len, parts)), (0, 1, 2, 3, 4))


def opened(name: str, *, checkpointing: bool = False) -> tuple[Any, Any]:
    model = MODELS[name]()
    trunk: Any = build(
        model,
        "causal_lm",
        prefer="general",
        compute_dtype=torch.float32,
        gradient_checkpointing=checkpointing,
    )
    return model.train(checkpointing), trunk


def dpo_loss(trunk: Any, batch: Batch) -> Tensor:
    """Of both pairs, against a reference of nothing."""
    starts, at, of = batch.starts(), [], []
    for answer in range(4):
        first = starts[answer] + PROMPTS[answer // 2]
        at.append(torch.arange(first - 1, starts[answer + 1] - 1))
        of += [answer] * len(at[-1])
    at_M, head = torch.cat(at), trunk.head()
    found_M = token_logprobs(
        trunk.hidden(batch, at_M),
        head.weight,
        batch.input_ids_N[at_M + 1],
        bias=head.bias,
        scale=head.scale,
        softcap=head.softcap,
    )
    said_B2 = torch.zeros(4).index_add(0, torch.tensor(of), found_M).view(2, 2)
    margin_B = said_B2[:, 0] - said_B2[:, 1]
    return pair_loss(margin_B, 0.1, form="sigmoid", smoothing="conservative", share=0.0).sum()


def computed(model: Any, run: Any) -> int:
    """Tokens that the table of tokens was asked for while `run` ran."""
    seen: list[int] = []
    table = model.get_input_embeddings()
    handle = table.register_forward_pre_hook(lambda _, args: seen.append(args[0].numel()))
    try:
        run()
    finally:
        handle.remove()
    return sum(seen)


@pytest.mark.parametrize("checkpointing", [False, True], ids=["kept", "recomputed"])
@pytest.mark.parametrize("name", MODELS)
def test_loss_and_gradients_are_those_of_prompts_computed_for_each(
    name: str, checkpointing: bool
) -> None:
    model, trunk = opened(name, checkpointing=checkpointing)
    for part in model.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    if hasattr(model.config, "dropout"):  # OPT drops by a function
        for part in model.modules():
            part.dropout = 0.0
    batch = pairs()
    parameters = [p for p in model.parameters() if p.requires_grad]
    together = dpo_loss(trunk, batch)
    found = torch.autograd.grad(together, parameters, allow_unused=True)
    with apart():
        whole = dpo_loss(trunk, batch)
        expected = torch.autograd.grad(whole, parameters, allow_unused=True)
    # float32 sums in another order
    assert_close(together, whole, rtol=1e-5, atol=1e-6)
    assert_close(found, expected, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("name", MODELS)
def test_every_prompt_is_computed_once(name: str) -> None:
    model, trunk = opened(name)
    batch = pairs()
    assert trunk.notes == []
    assert computed(model, lambda: trunk.hidden(batch)) == batch.num_tokens - sum(PROMPTS)


def test_hidden_states_come_back_in_the_order_of_the_batch() -> None:
    model, trunk = opened("gpt2")
    batch = pairs()
    parts = batch.input_ids_N.split(list(batch.lengths))
    plain = [model.transformer(input_ids=part[None]).last_hidden_state[0] for part in parts]
    assert_close(trunk.hidden(batch), torch.cat(plain), rtol=1e-4, atol=1e-5)


def test_scores_of_answers_are_those_of_whole_sequences() -> None:
    """As a reward model gives them."""
    model = tiny.classifier("qwen2", num_labels=1)
    trunk: Any = build(model, "sequence_classifier", prefer="general", compute_dtype=torch.float32)
    batch = pairs()
    with apart():
        whole = trunk.scores(batch)
    assert_close(trunk.scores(batch), whole, rtol=1e-5, atol=1e-6)
    assert computed(model, lambda: trunk.scores(batch)) < batch.num_tokens


def test_a_trained_prefix_stands_before_the_prompt() -> None:
    model = tiny.causal_lm("qwen2")
    prefix = KeyValuePrefix(length=3, num_layers=2, num_heads=2, head_width=8)
    torch.nn.init.normal_(prefix.weight, generator=torch.Generator().manual_seed(0))
    setattr(model.model.embed_tokens, NAME, prefix)
    trunk: Any = build(model, "causal_lm", prefer="general", compute_dtype=torch.float32)
    batch = pairs()
    with apart():
        whole = dpo_loss(trunk, batch)
    expected = torch.autograd.grad(whole, prefix.weight)[0]
    found = torch.autograd.grad(dpo_loss(trunk, batch), prefix.weight)[0]
    assert computed(model, lambda: trunk.hidden(batch)) == batch.num_tokens - sum(PROMPTS)
    assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_an_encoder_has_no_beginnings_to_compute_once_and_nothing_is_said() -> None:
    model = tiny.classifier("bert")
    trunk: Any = build(model, "sequence_classifier", prefer="general", compute_dtype=torch.float32)
    batch = pairs()
    assert trunk.notes == []
    assert computed(model, lambda: trunk.scores(batch)) == batch.num_tokens


def test_a_layer_that_looks_at_its_neighbour_in_the_pack_is_found_out() -> None:
    """Blocks that find where a document begins by its position 0 (short convolutions, linear
    attention): right in a pack of whole documents, wrong where one goes on from a beginning."""
    model = tiny.causal_lm("qwen2")

    def shift(_: Any, args: Any, settings: Any) -> Any:
        before = args[0].roll(1, dims=1) * (settings["position_ids"] != 0)[..., None]
        return (args[0] + before, *args[1:]), settings

    model.model.layers[1].register_forward_pre_hook(shift, with_kwargs=True)
    trunk: Any = build(model, "causal_lm", prefer="general", compute_dtype=torch.float32)
    batch = pairs()
    assert [note for note in trunk.notes if "computed for each of them" in note] == trunk.notes
    assert len(trunk.notes) == 1
    assert computed(model, lambda: trunk.hidden(batch)) == batch.num_tokens


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
        ("mpt", {"d_model": 32, "n_layers": 2, "n_heads": 4}),
        ("falcon", {**SIZES, "alibi": True}),
        ("gptj", {"n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4}),
    ],
)
def test_attention_with_slopes_of_its_own_is_computed_for_each_answer(
    name: str, settings: Any
) -> None:
    model = tiny.small(name, **settings)
    trunk: Any = build(model, "causal_lm", prefer="general", compute_dtype=torch.float32)
    batch = pairs()
    assert ["padded" in note and "computed for each" in note for note in trunk.notes] == [True]
    parts = batch.input_ids_N.split(list(batch.lengths))
    plain = [model.base_model(input_ids=part[None]).last_hidden_state[0] for part in parts]
    assert_close(trunk.hidden(batch), torch.cat(plain), rtol=1e-3, atol=1e-4)


def test_attention_in_chunks_is_refused_where_a_sequence_is_longer() -> None:
    query = torch.zeros(1, 2, 6, 4)
    layer = torch.nn.Linear(1, 1)
    seen = Documents(Pack((4, 2)), is_causal=True, local_size=4)
    attention(layer, query, query, query, seen)
    longer = Documents(Pack((6,)), is_causal=True, local_size=4)
    with pytest.raises(ValueError, match=r"4 tokens at a time, and a sequence has 6.*max_length"):
        attention(layer, query, query, query, longer)
