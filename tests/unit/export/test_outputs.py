"""What the gate asks a model leaves the model as it was."""

from __future__ import annotations

import torch
from tests import tiny

from luthier.export._outputs import in_float32, outputs
from luthier.export._rounding import disturb

PROMPT = torch.arange(5, 25)


def test_weights_are_float32_inside_and_the_same_tensors_afterwards() -> None:
    model = tiny.causal_lm().to(torch.bfloat16).train()
    before = {name: (p.data_ptr(), p.dtype) for name, p in model.named_parameters()}
    with in_float32(model):
        assert {p.dtype for p in model.parameters()} == {torch.float32}
        assert not model.training
    assert before == {name: (p.data_ptr(), p.dtype) for name, p in model.named_parameters()}
    assert model.training


def test_errors_of_rounding_are_undone_even_where_weights_were_float32() -> None:
    model = tiny.causal_lm()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    with in_float32(model):
        disturb(model, seed=1)
        changed = [not torch.equal(before[name], p) for name, p in model.named_parameters()]
        assert any(changed)
    assert all(torch.equal(before[name], p) for name, p in model.named_parameters())


def test_greedy_steps_are_the_logits_of_the_chosen_tokens() -> None:
    found = outputs(tiny.causal_lm(), [PROMPT], kind="causal_lm")
    assert torch.equal(found["steps_0"].argmax(-1), found["tokens_0"])


def test_scores_of_a_classifier_have_one_entry_per_class() -> None:
    found = outputs(tiny.classifier(num_labels=5), [PROMPT, PROMPT[:3]], kind="sequence_classifier")
    assert [tuple(found[f"scores_{index}"].shape) for index in (0, 1)] == [(5,), (5,)]
