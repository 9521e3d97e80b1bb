"""Going on from what the frozen blocks gave is the same as running them again."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests import tiny
from torch import Tensor, nn

from luthier.data.features import Batch
from luthier.models.blocks import frozen_depth, head_modules, levels, stack_of
from luthier.models.bundle import Bundle
from luthier.models.trunks import Divisible, build, onto
from luthier.tuners import attach, tuners

LAYERS = 4
DECODERS = ["llama", "qwen2", "qwen3", "mistral", "gemma2", "gpt2"]
ENCODERS = ["bert", "roberta"]
BATCH = Batch(torch.arange(5, 45), (7, 13, 20), (0, 1, 2))
LABELS = ("a", "b", "c")


def made(architecture: Any, *, top: int, labels: tuple[str, ...] = (), **changes: Any) -> Bundle:
    """A model of which the last `top` blocks move, and the head of a classifier."""
    size = {"n_layer": LAYERS} if architecture == "gpt2" else {"num_hidden_layers": LAYERS}
    bundle = tiny.bundle(architecture, labels=labels, **size, **changes)
    stack = stack_of(bundle.model)
    assert stack is not None
    for block in stack.blocks[LAYERS - top :]:
        block.requires_grad_(True)
    for name in head_modules(bundle.model) if labels else ():
        bundle.model.get_submodule(name).requires_grad_(True)
    bundle.model.train()
    return bundle


def rebuilt(bundle: Bundle, prefer: Any, dtype: torch.dtype = torch.float32) -> Any:
    return build(bundle.model, bundle.kind, prefer=prefer, compute_dtype=dtype)


def said(trunk: Any, bundle: Bundle, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """Outputs and gradients."""
    bundle.model.zero_grad()
    found = trunk.scores(batch) if bundle.labels else trunk.hidden(batch, torch.tensor([2, 9, 39]))
    found.float().square().sum().backward()
    named = bundle.model.named_parameters()
    return found.detach(), {name: p.grad.clone() for name, p in named if p.grad is not None}


CASES = [
    *[(name, (), "general") for name in DECODERS],
    *[(name, LABELS, "general") for name in [*DECODERS, *ENCODERS]],
    ("bert", LABELS, "fast"),
]


@pytest.mark.parametrize(("architecture", "labels", "prefer"), CASES)
@pytest.mark.parametrize("top", [2, 0])
def test_outputs_and_gradients_are_the_same_to_the_bit(
    architecture: str, labels: tuple[str, ...], prefer: str, top: int
) -> None:
    if not top and not labels:
        pytest.skip("nothing would move")
    bundle = made(architecture, top=top, labels=labels)
    trunk = rebuilt(bundle, prefer)
    assert isinstance(trunk, Divisible)
    assert trunk.frozen.depth == LAYERS - top
    torch.manual_seed(0)  # dropout of what moves is drawn alike: none is drawn below it
    whole, gradients = said(trunk, bundle, BATCH)
    torch.manual_seed(0)
    part, others = said(trunk, bundle, onto(BATCH, trunk.lower(BATCH), trunk))
    assert torch.equal(part, whole)
    assert gradients.keys() == others.keys() != set()
    assert all(torch.equal(others[name], gradients[name]) for name in others)


@pytest.mark.parametrize("top", [2, 0])
def test_adapters_in_the_upper_layers_of_a_fast_decoder_go_on_from_below(top: int) -> None:
    bundle = tiny.bundle("llama", labels=LABELS, num_hidden_layers=LAYERS)
    kind = tuners.get("lora")
    target = [f"*layers.{LAYERS - 1 - index}.*" for index in range(top)] or ["*layers.3.*"]
    bundle = attach(kind(kind.Config(rank=2, target=target)), bundle, seed=0, frozen=torch.float32)
    trunk = rebuilt(bundle, "fast")
    assert trunk.name == "llama"
    assert trunk.frozen.depth == LAYERS - max(top, 1)
    whole, gradients = said(trunk, bundle, BATCH)
    part, others = said(trunk, bundle, onto(BATCH, trunk.lower(BATCH), trunk))
    assert torch.equal(part, whole)
    assert all(torch.equal(others[name], gradients[name]) for name in gradients)


@pytest.mark.parametrize("prefer", ["general", "fast"])
def test_frozen_blocks_run_without_dropout_and_moving_ones_with_it(prefer: Any) -> None:
    bundle = made("bert", top=1, labels=LABELS, hidden_dropout_prob=0.5)
    trunk = rebuilt(bundle, prefer)
    bundle.model.train()
    one, other = trunk.lower(BATCH), trunk.lower(BATCH)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    with torch.no_grad():
        assert not torch.equal(trunk.hidden(BATCH), trunk.hidden(BATCH))


def test_states_of_another_trunk_are_not_taken() -> None:
    bundle = made("bert", top=1, labels=LABELS)
    one, other = rebuilt(bundle, "fast"), rebuilt(bundle, "fast")
    wrong = [torch.zeros_like(part) for part in one.lower(BATCH)]
    bundle.model.eval()
    assert torch.equal(one.hidden(onto(BATCH, wrong, other)), one.hidden(BATCH))


class _Shift(nn.Module):
    """Something trained, beside the trunk, that the first block reads too."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((width,), 0.1))


def test_a_path_that_reaches_below_is_found_by_its_gradient() -> None:
    bundle = made("llama", top=1)
    model: Any = bundle.model
    model.shift = _Shift(32)
    model.model.layers[0].register_forward_pre_hook(lambda _, args: (args[0] + model.shift.weight,))
    trunk = rebuilt(bundle, "general")
    assert trunk.frozen.depth == 0
    assert any("computed anew" in note for note in trunk.notes)


def test_levels_rise_from_the_embeddings_to_the_head() -> None:
    found = levels(tiny.classifier("bert"))
    assert found["bert.embeddings.word_embeddings.weight"] == 0
    assert found["bert.encoder.layer.0.output.dense.weight"] == 1
    assert found["bert.encoder.layer.1.output.dense.bias"] == 2
    assert found["bert.pooler.dense.weight"] == found["classifier.weight"] == 3
    decoder = levels(tiny.causal_lm("gpt2"))
    assert decoder["transformer.wte.weight"] == 0  # tied: the head is the embedding
    assert decoder["transformer.ln_f.weight"] == 3


def test_where_nothing_moves_nothing_is_frozen_below_it() -> None:
    model = tiny.causal_lm("llama").requires_grad_(False)
    assert frozen_depth(model) == 0
