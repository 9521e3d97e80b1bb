"""Trained prompts and prefixes against PEFT's: loss and gradient on the same weights, and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from tests import tiny
from tests.contracts.cases import Case, case
from torch import Tensor
from torch.testing import assert_close
from transformers import ElectraConfig, ElectraForSequenceClassification

from luthier.data.features import Batch
from luthier.export import run_export
from luthier.export.adapter import load
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.models.trunks import build
from luthier.tuners import attach, tuners

# PEFT reads a property that transformers renamed
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")

LABELS = ("label_0", "label_1", "label_2")
PROMPTS = [np.arange(5, 45, dtype=np.int32), np.arange(60, 90, dtype=np.int32)]
WAYS: list[tuple[str, dict[str, Any], Any]] = [
    ("prompt", {}, peft.PromptTuningConfig),
    ("prompt", {"encoder": "mlp", "encoder_hidden_size": 24}, peft.PromptEncoderConfig),
    ("prompt", {"encoder": "lstm", "encoder_hidden_size": 24}, peft.PromptEncoderConfig),
    ("prefix", {}, peft.PrefixTuningConfig),
    ("prefix", {"projection": True, "encoder_hidden_size": 24}, peft.PrefixTuningConfig),
]
NAMES = ["prompt", "p_tuning_mlp", "p_tuning_lstm", "prefix", "projected_prefix"]
LENGTH = 5


def settings_of(settings: dict[str, Any]) -> dict[str, Any]:
    """PEFT's words for ours."""
    names = {"projection": "prefix_projection", "encoder": "encoder_reparameterization_type"}
    found = {names.get(key, key): value for key, value in settings.items()}
    kind = "encoder_reparameterization_type"
    return {k: v.upper() if k == kind else v for k, v in found.items()}


def wrapped(model: Any, way: tuple[str, dict[str, Any], Any], task: str) -> Any:
    _, settings, config = way
    return peft.get_peft_model(
        model, config(task_type=task, num_virtual_tokens=LENGTH, **settings_of(settings))
    )


def matched(ours: Case, theirs: Any) -> list[tuple[Tensor, Tensor]]:
    """Every trained parameter of our prompt or prefix with PEFT's."""
    table: Any = ours.bundle.model.get_input_embeddings()
    part: Any = getattr(table, "vectors", None) or table.key_value_prefix
    encoder = theirs.prompt_encoder["default"]
    named: Any = [
        ("embedding.weight" if name == "weight" else name, p) for name, p in part.named_parameters()
    ]
    return [(p, encoder.get_parameter(name)) for name, p in named]


def both(way: tuple[str, dict[str, Any], Any], objective: str, task: str) -> tuple[Case, Any]:
    """Ours and PEFT's with equal weights, out of training mode."""
    ours = case(way[0], objective, settings={"num_virtual_tokens": LENGTH, **way[1]})
    ours.disturb()
    plain = tiny.causal_lm("llama") if task == "CAUSAL_LM" else tiny.classifier("bert")
    head = {name: p for name, p in ours.bundle.model.named_parameters() if "embed" not in name}
    plain.load_state_dict(head, strict=False)
    theirs = wrapped(plain, way, task)
    for mine, other in matched(ours, theirs):
        other.data.copy_(mine.data)
    ours.bundle.model.eval()
    return ours, theirs.eval()


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_a_language_model_has_peft_s_loss_and_gradients(way: Any) -> None:
    ours, theirs = both(way, "sft", "CAUSAL_LM")
    item = ours.features[0]
    ours.gradient([item], max_tokens=512)
    ids = torch.from_numpy(item.input_ids).long()
    labels = torch.where(torch.from_numpy(item.loss_weights) > 0, ids, -100)
    loss = theirs(
        input_ids=ids[None], labels=labels[None], attention_mask=torch.ones_like(ids)[None]
    ).loss
    loss.backward()
    assert ours.loss([item]) == pytest.approx(loss.item(), rel=1e-5)
    optimizer, measured = ours.measure([item], max_tokens=512)
    for mine, other in matched(ours, theirs):
        assert mine.grad is not None
        # float32 products in another order
        assert_close(mine.grad / measured.count, other.grad, rtol=1e-4, atol=1e-6)
    optimizer.clear()


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_a_classifier_has_peft_s_scores(way: Any) -> None:
    """PEFT's pooler reads the first position: of a prompt its own, behind a prefix the text's."""
    ours, theirs = both(way, "classify", "SEQ_CLS")
    with torch.no_grad():
        found = ours.bundle.trunk.scores(ours.objective.collate(ours.features))
        for item, scores in zip(ours.features, found, strict=True):
            ids = torch.from_numpy(item.input_ids).long()[None]
            wanted = theirs(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
            assert_close(scores, wanted, rtol=1e-5, atol=1e-5)


def opened(folder: Path, labels: tuple[str, ...]) -> Bundle:
    return open_model(str(folder), labels=labels, dtype=torch.float32)


def applied(bundle: Bundle, way: Any, *, seed: int) -> Any:
    kind = tuners.get(way[0])
    tuner = kind(kind.Config(num_virtual_tokens=LENGTH, **way[1]))
    attach(tuner, bundle, seed=seed, frozen=torch.float32)
    bundle.trunk = build(bundle.model, bundle.kind, compute_dtype=torch.float32)
    return tuner


def said(bundle: Bundle) -> Tensor:
    batch = rows()
    with torch.no_grad():
        return bundle.trunk.scores(batch) if bundle.labels else bundle.trunk.hidden(batch)


def rows() -> Batch:
    ids = torch.cat([torch.from_numpy(ids).long() for ids in PROMPTS])
    return Batch(ids, tuple(map(len, PROMPTS)), (0, 1))


@pytest.mark.parametrize("labels", [(), LABELS], ids=["writes", "classifies"])
@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_the_files_are_opened_by_peft_and_by_us(way: Any, labels: Any, tmp_path: Path) -> None:
    """The gate opens them in another process and compares outputs with the tuned model's."""
    architecture = "bert" if labels else "llama"
    base = tiny.folder(tmp_path / "base", architecture=architecture)
    bundle = opened(base, labels)
    tuner = applied(bundle, way, seed=0)
    draws = torch.Generator().manual_seed(1)
    for parameter in bundle.model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.05 * torch.randn(parameter.shape, generator=draws)
    folder = tmp_path / "adapter"
    manifest = run_export(
        bundle, tuner, format="adapter", folder=folder, prompts=PROMPTS, source_folder=base
    )
    assert "peft" in manifest["parity"]["opened_by"]
    again = opened(base, labels)
    second = applied(again, way, seed=7)
    assert not torch.equal(said(again), said(bundle))
    load(folder, again, second)
    assert_close(said(again), said(bundle), rtol=1e-4, atol=1e-5)  # an LSTM repeats to here


NARROW: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}


@pytest.mark.parametrize("encoder", ["none", "mlp"])
@pytest.mark.parametrize("kind", ["electra", "opt"])
def test_peft_opens_a_prompt_of_a_table_narrower_than_the_layers(
    kind: str, encoder: str, tmp_path: Path
) -> None:
    base, labels = tmp_path / "base", LABELS if kind == "electra" else ()
    if labels:
        own = ElectraConfig(vocab_size=512, embedding_size=16, num_labels=len(labels), **NARROW)
        model: Any = ElectraForSequenceClassification(own)
    else:
        model = tiny.small("opt", word_embed_proj_dim=16, ffn_dim=64, **NARROW)
    model.save_pretrained(base)
    (tiny.word_tokenizer() if labels else tiny.tokenizer()).save_pretrained(base)
    bundle, folder = opened(base, labels), tmp_path / "adapter"
    tuner = applied(bundle, ("prompt", {"encoder": encoder}), seed=0)
    assert tuner.peft(bundle).config["token_dim"] == 16
    manifest = run_export(
        bundle, tuner, format="adapter", folder=folder, prompts=PROMPTS, source_folder=base
    )
    assert "peft" in manifest["parity"]["opened_by"]
