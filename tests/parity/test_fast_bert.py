"""The fast path of BERT encoders gives transformers' own scores and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests import tiny
from torch import Tensor, nn

from luthier.data.features import Batch
from luthier.models.low_rank import LowRankLinear
from luthier.models.trunks import bert

LENGTHS = (9, 30, 9, 1, 14, 30, 9)


def _batch(*, separator: int = -1) -> Batch:
    ids = torch.randint(5, 512, (sum(LENGTHS),), generator=torch.Generator().manual_seed(3))
    if separator >= 0:
        ids[[4, 8, 20]] = separator
    return Batch(ids, LENGTHS, tuple(range(len(LENGTHS))))


def _model(**changes: Any) -> Any:
    model = tiny.classifier("bert", num_labels=5, **changes)
    generator = torch.Generator().manual_seed(11)
    for parameter in model.parameters():
        if parameter.dim() == 1:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    return model


def _adapt(model: Any) -> None:
    model.requires_grad_(False)
    for number, layer in enumerate(model.bert.encoder.layer):
        for parent in layer.modules():
            for name, child in list(parent.named_children()):
                if type(child) is nn.Linear and not isinstance(parent, LowRankLinear):
                    added = LowRankLinear(child, rank=4, scaling=1.7)
                    added.reset(torch.Generator().manual_seed(number))
                    generator = torch.Generator().manual_seed(number)
                    nn.init.normal_(added.lora_B, std=0.1, generator=generator)
                    setattr(parent, name, added)
    model.classifier.requires_grad_(True)


def _reference(model: Any, batch: Batch) -> Tensor:
    parts = batch.input_ids_N.split(list(batch.lengths))
    return torch.cat([model(part[None]).logits for part in parts])


def _gradients(model: Any, output: Tensor, factors: Tensor) -> dict[str, Tensor]:
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    found = torch.autograd.grad((output.float() * factors).sum(), list(named.values()))
    whole = [gradient.to_dense() for gradient in found]  # that of the word table is sparse
    return dict(zip(named, whole, strict=True))


def _factors() -> Tensor:
    return torch.randn(len(LENGTHS), 5, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("checkpoint", [False, True], ids=["kept", "recomputed"])
@pytest.mark.parametrize("adapted", [False, True], ids=["full", "lora"])
def test_scores_and_gradients_equal_transformers(adapted: bool, checkpoint: bool) -> None:
    model, batch = _model(), _batch()
    if adapted:
        _adapt(model)
    expected = _reference(model, batch)
    expected_gradients = _gradients(model, expected, _factors())
    assert bert.decline(model) == ""
    trunk = bert.BertTrunk(model, compute_dtype=torch.float32, gradient_checkpointing=checkpoint)

    found = trunk.scores(batch)

    torch.testing.assert_close(found, expected, rtol=1e-5, atol=5e-5)
    largest = max(float(gradient.abs().max()) for gradient in expected_gradients.values())
    for name, gradient in _gradients(model, found, _factors()).items():
        # float32 sums in another order; key biases have no gradient but rounding
        bound = 3e-5 * float(expected_gradients[name].abs().max()) + 1e-6 * largest
        torch.testing.assert_close(gradient, expected_gradients[name], rtol=0, atol=bound, msg=name)


def test_hidden_states_come_back_in_the_order_of_the_batch() -> None:
    model, batch = _model(), _batch()
    parts = batch.input_ids_N.split(list(LENGTHS))
    expected = torch.cat([model.bert(part[None]).last_hidden_state[0] for part in parts])
    trunk = bert.BertTrunk(model, compute_dtype=torch.float32)
    torch.testing.assert_close(trunk.hidden(batch), expected, rtol=1e-5, atol=5e-5)
    at = torch.tensor([3, 11, 50, 101])
    torch.testing.assert_close(trunk.hidden(batch, at), expected[at], rtol=1e-5, atol=5e-5)


def test_the_second_text_of_a_pair_has_its_own_type() -> None:
    model, batch = _model(sep_token_id=3), _batch(separator=3)
    types = torch.zeros(9, dtype=torch.long)
    types[5:] = 1
    first = model(batch.input_ids_N[None, :9], token_type_ids=types[None]).logits
    trunk = bert.BertTrunk(model, compute_dtype=torch.float32)
    torch.testing.assert_close(trunk.scores(batch)[:1], first, rtol=1e-5, atol=5e-5)


def test_bfloat16_is_no_further_from_float32_than_transformers_is() -> None:
    model, batch = _model(), _batch()
    exact = _reference(model, batch)
    exact_gradients = _gradients(model, exact, _factors())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        theirs = _reference(model, batch)
        their_gradients = _gradients(model, theirs, _factors())
    ours = bert.BertTrunk(model, compute_dtype=torch.bfloat16).scores(batch)
    our_gradients = _gradients(model, ours, _factors())
    assert ours.dtype == torch.float32

    names = [name for name in exact_gradients if not name.endswith("key.bias")]
    our_error = sum(_error(our_gradients[n], exact_gradients[n]) for n in names)
    their_error = sum(_error(their_gradients[n], exact_gradients[n]) for n in names)
    # both round to 8 bits at different places: the same size of error, give or take chance
    assert _error(ours, exact) < 2 * _error(theirs, exact)
    assert our_error < 1.5 * their_error


def _error(found: Tensor, exact: Tensor) -> float:
    return float((found.detach().float() - exact.detach()).norm() / exact.detach().norm())


def test_dropout_of_the_config_is_drawn_from_torchs_generator_in_training_only() -> None:
    model, batch = _model(attention_probs_dropout_prob=0.3, hidden_dropout_prob=0.1), _batch()
    trunk = bert.BertTrunk(model, compute_dtype=torch.float32)
    with torch.no_grad():
        quiet = trunk.scores(batch)
        model.train()
        draws: list[Tensor] = []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            draws.append(trunk.scores(batch))
    torch.testing.assert_close(quiet, _reference(model.eval(), batch), rtol=1e-5, atol=5e-5)
    assert torch.equal(draws[0], draws[1])
    assert not torch.allclose(draws[0], draws[2])
    assert not torch.allclose(draws[0], quiet)


def test_dropout_leaves_the_gradient_that_of_the_masked_network() -> None:
    model, batch = _model(attention_probs_dropout_prob=0.3), _batch()
    model.train()
    trunk = bert.BertTrunk(model, compute_dtype=torch.float32)
    weight = model.bert.encoder.layer[0].attention.self.value.weight
    direction = torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))

    def loss(step: float) -> Tensor:
        torch.manual_seed(0)
        with torch.no_grad():
            weight.add_(direction, alpha=step)
        value = (trunk.scores(batch) * _factors()).sum()
        with torch.no_grad():
            weight.sub_(direction, alpha=step)
        return value

    (gradient,) = torch.autograd.grad(loss(0.0), [weight])
    with torch.no_grad():
        slope = (loss(1e-3) - loss(-1e-3)) / 2e-3  # central difference, error about 1e-6 squared
    torch.testing.assert_close((gradient * direction).sum(), slope, rtol=2e-2, atol=1e-2)


@pytest.mark.parametrize("architecture", ["roberta", "llama"])
def test_other_architectures_are_declined(architecture: Any) -> None:
    assert "is not bert" in bert.decline(tiny.classifier(architecture))
