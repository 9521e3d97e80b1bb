"""Heads that are a model's own: DeBERTa's pooler, ModernBERT's mean, ALBERT's, EuroBERT's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.parity.test_general_trunk import batch_of, reference
from torch.testing import assert_close
from transformers import AutoConfig

from luthier.models.blocks import head_modules
from luthier.models.bundle import Kind
from luthier.models.kinds import OPENINGS
from luthier.models.trunks import build
from luthier.models.trunks._division import divide, onto
from luthier.models.trunks._scores import answer

SIZES: dict[str, Any] = {
    "vocab_size": 512,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 64,
    "num_labels": 3,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "cls_token_id": 1,
    "sep_token_id": 2,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    "deberta": {},
    "modernbert": {"classifier_pooling": "mean"},
    "albert": {"embedding_size": 16},
    "eurobert": {"classifier_pooling": "mean", "mask_token_id": 3},
}


def model_of(family: str, kind: Kind, **changes: Any) -> Any:
    settings = AutoConfig.for_model(family, **{**SIZES, **FAMILIES[family], **changes})
    torch.manual_seed(0)
    model = OPENINGS[kind].factory.from_config(settings)
    for parameter in model.parameters():
        # large enough that a wrong mask or state shows in the scores
        parameter.data.normal_(0, 0.2) if parameter.dim() > 1 else None
    return model.eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_and_gradients_are_those_of_transformers(family: str) -> None:
    batch = batch_of()
    grads: list[dict[str, torch.Tensor | None]] = []
    for ours in (True, False):
        model = model_of(family, "sequence_classifier")
        trunk: Any = build(model, "sequence_classifier", compute_dtype=torch.float32)
        scores = trunk.scores(batch) if ours else reference(model, batch).float()
        scores.square().sum().backward()
        grads.append({"scores": scores.detach()} | {n: p.grad for n, p in model.named_parameters()})
    assert_close(*grads, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", ["token_classifier", "question_answerer"])
@pytest.mark.parametrize("family", ["deberta-v2", "modernbert", "albert"])
def test_scores_of_tokens_are_those_of_transformers(family: str, kind: Kind) -> None:
    changes = {"num_labels": 2} if kind == "question_answerer" else {}
    model, batch = model_of(family, kind, **changes), batch_of()
    trunk: Any = build(model, kind, compute_dtype=torch.float32)
    rows = batch.input_ids_N.split(list(batch.lengths))
    said = [model(input_ids=row[None]) for row in rows]
    expected = [
        torch.stack([one.start_logits, one.end_logits], -1)[0]
        if kind == "question_answerer"
        else one.logits[0]
        for one in said
    ]
    at = torch.tensor([0, 3, 20])
    assert_close(trunk.token_scores(batch), torch.cat(expected), rtol=1e-3, atol=1e-5)
    assert_close(trunk.token_scores(batch, at), torch.cat(expected)[at], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_head_goes_on_from_what_the_frozen_trunk_gave(family: str) -> None:
    model, batch = model_of(family, "sequence_classifier"), batch_of()
    heads = tuple(f"{name}." for name in head_modules(model))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(heads))
    trunk: Any = build(model, "sequence_classifier", compute_dtype=torch.float32)
    divide(trunk, model, kind="sequence_classifier", dtype=torch.float32)
    assert trunk.frozen.is_whole
    needs_all = FAMILIES[family].get("classifier_pooling") == "mean"
    assert trunk.frozen.scores_only != needs_all
    kept = trunk.lower(batch)
    assert [len(part) for part in kept] == ([*batch.lengths] if needs_all else [1] * len(kept))
    found = trunk.scores(onto(batch, kept, trunk))
    assert_close(found, trunk.scores(batch), rtol=1e-4, atol=1e-5)


def test_a_head_in_float32_reads_a_bfloat16_trunk() -> None:
    model = model_of("modernbert", "sequence_classifier").bfloat16()
    for module in (model.head, model.classifier):
        module.float()
    trunk: Any = build(model, "sequence_classifier", compute_dtype=torch.bfloat16)
    trunk.scores(batch_of()).sum().backward()
    assert model.classifier.weight.grad.dtype == torch.float32
    assert model.head.dense.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("kind", ["sequence_classifier", "token_classifier", "embedder"])
@pytest.mark.parametrize("size", [128, 8, 4])
def test_a_window_to_both_sides_is_kept_without_padding(size: int, kind: Kind) -> None:
    model, batch = model_of("modernbert", kind, local_attention=size), batch_of((20, 1, 30, 7))
    trunk: Any = build(model, kind, compute_dtype=torch.float32)
    assert trunk.notes == []  # packed, not padded
    rows = batch.input_ids_N.split(list(batch.lengths))
    said = [answer(model(input_ids=row[None]))[0] for row in rows]
    if kind == "sequence_classifier":
        found, expected = trunk.scores(batch), torch.stack(said)
    else:
        found = trunk.hidden(batch) if kind == "embedder" else trunk.token_scores(batch)
        expected = torch.cat(said)
    assert_close(found, expected, rtol=1e-3, atol=1e-5)
