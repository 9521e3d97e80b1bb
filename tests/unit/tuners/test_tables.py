"""Whole tables of tokens beside adapters: what moves, how fast, and what PEFT makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from tests import pictures, tiny
from tests.contracts.cases import plain_bundle
from tests.journeys.desk import QUICK, desk
from torch.testing import assert_close
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from luthier.core.config import build
from luthier.core.errors import RecipeError
from luthier.data.features import Batch
from luthier.export import run_export
from luthier.export.adapter import load
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.models.trunks import build as build_trunk
from luthier.ops.cross_entropy import token_logprobs
from luthier.recipe.load import read
from luthier.tuners import attach
from luthier.tuners.lora import Config, Lora
from luthier.tuners.qlora import Config as QloraConfig
from luthier.tuners.qlora import Qlora
from luthier.workflow.plan import plan

# PEFT reads a property that transformers renamed
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")

IDS = torch.arange(5, 45)[None]
VOCABULARY, WIDTH = 512, 32


def tuner_for(**settings: Any) -> Lora:
    return Lora(build(Config, {"rank": 4, "embeddings": True, **settings}, where="tuner"))


def disturb(bundle: Bundle) -> None:
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in bundle.model.parameters():
            if parameter.requires_grad:
                parameter += 0.05 * torch.randn(parameter.shape, generator=draws)


def tuned(folder: Path, **settings: Any) -> tuple[Bundle, Lora]:
    bundle, tuner = open_model(str(folder), dtype=torch.float32), tuner_for(**settings)
    attach(tuner, bundle, seed=0, frozen=torch.float32)
    disturb(bundle)
    return bundle, tuner


@pytest.fixture(params=["llama tied", "llama untied", "phi"])
def base(request: Any, tmp_path: Path) -> Path:
    """One matrix for both, two matrices, and two of which the head has a bias."""
    if request.param == "phi":
        model = tiny.small(
            "phi",
            hidden_size=WIDTH,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
        )
    else:
        is_tied = request.param.endswith(" tied")
        model = tiny.causal_lm(tie_word_embeddings=is_tied, vocab_size=VOCABULARY)
    model.save_pretrained(tmp_path / "base")
    tiny.tokenizer().save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def added(bundle: Bundle) -> int:
    """Trained parameters besides the low-rank terms."""
    named = bundle.model.named_parameters()
    return sum(p.numel() for name, p in named if p.requires_grad and "lora_" not in name)


@pytest.mark.parametrize(("is_tied", "number"), [(True, 1), (False, 2)])
def test_the_tables_are_trained_and_tied_ones_count_once(is_tied: bool, number: int) -> None:
    bundle = plain_bundle("causal_lm", tie_word_embeddings=is_tied)
    attach(tuner_for(), bundle, seed=0, frozen=torch.bfloat16)
    model: Any = bundle.model
    assert added(bundle) == number * VOCABULARY * WIDTH
    assert model.get_input_embeddings().weight.dtype == torch.float32
    assert (model.lm_head.weight is model.get_input_embeddings().weight) == is_tied


def test_tables_have_a_rate_of_their_own_and_no_decay() -> None:
    bundle = plain_bundle("causal_lm")
    tuner = tuner_for(embeddings_rate=0.25, rate_ratio=4, lengths=True)
    attach(tuner, bundle, seed=0, frozen=torch.float32)
    groups = tuner.groups(bundle.model)
    table = plain(bundle).get_input_embeddings().weight
    owners = [group for group in groups if any(p is table for p in group.parameters)]
    assert [(g.rate, g.decays) for g in owners] == [(0.25, False)]
    trained = [p for p in bundle.model.parameters() if p.requires_grad]
    grouped = [p for group in groups for p in group.parameters]
    assert sorted(map(id, grouped)) == sorted(map(id, trained))


def plain(bundle: Bundle) -> Any:
    return bundle.model


def test_the_base_view_has_the_first_tables_and_disturbs_no_graph() -> None:
    bundle = plain_bundle("causal_lm", tie_word_embeddings=False)
    tuner = tuner_for()
    attach(tuner, bundle, seed=0, frozen=torch.float32)
    with torch.no_grad():
        first = bundle.model(input_ids=IDS).logits
    disturb(bundle)
    wanted = torch.autograd.grad(
        bundle.model(input_ids=IDS, labels=IDS).loss, plain(bundle).lm_head.weight
    )
    loss = bundle.model(input_ids=IDS, labels=IDS).loss
    with torch.no_grad(), tuner.base(bundle.model):
        assert torch.equal(bundle.model(input_ids=IDS).logits, first)
    assert_close(torch.autograd.grad(loss, plain(bundle).lm_head.weight), wanted, rtol=0, atol=0)


def test_peft_gives_the_trained_logits(base: Path, tmp_path: Path) -> None:
    bundle, tuner = tuned(base)
    folder = tmp_path / "adapter"
    manifest = run_export(
        bundle,
        tuner,
        format="adapter",
        folder=folder,
        prompts=[np.arange(5, 45, dtype=np.int32)],
        source_folder=base,
    )
    assert "peft" in manifest["parity"]["opened_by"]
    with torch.no_grad():
        wanted = bundle.model(input_ids=IDS).logits
        model: Any = AutoModelForCausalLM.from_pretrained(base)
        used = peft.PeftModel.from_pretrained(model, str(folder))
        assert_close(used(input_ids=IDS).logits, wanted, rtol=1e-4, atol=1e-5)
    again, second = open_model(str(base), dtype=torch.float32), tuner_for()
    attach(second, again, seed=3, frozen=torch.float32)
    load(folder, again, second)
    with torch.no_grad():
        assert torch.equal(again.model(input_ids=IDS).logits, wanted)


def test_peft_goes_on_training_the_tables_as_tied_as_they_were(base: Path, tmp_path: Path) -> None:
    bundle, tuner = tuned(base)
    prompts = [np.arange(5, 45, dtype=np.int32)]
    folder = tmp_path / "adapter"
    run_export(bundle, tuner, format="adapter", folder=folder, prompts=prompts, source_folder=base)
    model = AutoModelForCausalLM.from_pretrained(base)
    theirs: Any = peft.PeftModel.from_pretrained(model, str(folder), is_trainable=True)
    trained = {id(p): p.numel() for p in theirs.parameters() if p.requires_grad}
    assert sum(trained.values()) == sum(
        p.numel() for p in bundle.model.parameters() if p.requires_grad
    )
    ours = bundle.model(input_ids=IDS, labels=IDS).loss
    loss = theirs(input_ids=IDS, labels=IDS).loss
    assert_close(loss, ours, rtol=1e-5, atol=1e-6)
    ours.backward()
    loss.backward()
    table = theirs.get_input_embeddings().modules_to_save["default"].weight
    wanted = plain(bundle).get_input_embeddings().weight.grad
    assert_close(table.grad, wanted, rtol=1e-4, atol=1e-6)


def test_peft_opens_what_a_classifier_trained(tmp_path: Path) -> None:
    base = tiny.folder(tmp_path / "base", architecture="bert")
    labels = ("one", "two", "three")
    bundle = open_model(str(base), labels=labels, dtype=torch.float32)
    tuner = tuner_for()
    attach(tuner, bundle, seed=0, frozen=torch.float32)
    disturb(bundle)
    prompts = [np.arange(5, 25, dtype=np.int32)]
    folder = tmp_path / "adapter"
    run_export(bundle, tuner, format="adapter", folder=folder, prompts=prompts, source_folder=base)
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=3, ignore_mismatched_sizes=True
    )
    theirs = peft.PeftModel.from_pretrained(model, str(folder))
    bundle.model.eval()
    with torch.no_grad():
        found, wanted = theirs(input_ids=IDS).logits, bundle.model(input_ids=IDS).logits
    assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_merged_model_has_the_tables(base: Path, tmp_path: Path) -> None:
    bundle, tuner = tuned(base)
    prompts = [np.arange(5, 45, dtype=np.int32)]
    folder = tmp_path / "model"
    run_export(
        bundle, tuner, format="safetensors", folder=folder, prompts=prompts, source_folder=base
    )
    whole = open_model(str(folder), dtype=torch.float32)
    with torch.no_grad():
        found, wanted = whole.model(input_ids=IDS).logits, bundle.model(input_ids=IDS).logits
    assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("is_tied", [True, False])
def test_new_tokens_are_rows_of_the_trained_tables(is_tied: bool, tmp_path: Path) -> None:
    model = tiny.causal_lm(tie_word_embeddings=is_tied, vocab_size=len(tiny.tokenizer()))
    model.save_pretrained(tmp_path / "base")
    tiny.tokenizer().save_pretrained(tmp_path / "base")
    bundle, tuner = tuned(tmp_path / "base", tokens=["<tool>"])
    new = plain(bundle).get_input_embeddings().weight
    assert len(new) == len(tiny.tokenizer()) + 1
    assert new.requires_grad
    prompts = [np.array([5, 9, len(new) - 1, 7], np.int32)]
    manifest = run_export(
        bundle,
        tuner,
        format="adapter",
        folder=tmp_path / "adapter",
        prompts=prompts,
        source_folder=tmp_path / "base",
    )
    assert "peft" in manifest["parity"]["opened_by"]


@pytest.mark.parametrize("is_tied", [True, False])
def test_the_fast_path_gives_the_gradients_of_the_general_one(is_tied: bool) -> None:
    found: list[dict[str, Any]] = []
    batch = Batch(torch.arange(7, 27), (12, 8), (0, 1))
    for path in ("general", "fast"):
        bundle = plain_bundle("causal_lm", tie_word_embeddings=is_tied)
        attach(tuner_for(), bundle, seed=0, frozen=torch.float32)
        disturb(bundle)
        trunk: Any = build_trunk(
            bundle.model,
            "causal_lm",
            prefer=path,  # type: ignore[arg-type]
            compute_dtype=torch.float32,
        )
        head = trunk.head()
        at_M = torch.tensor([3, 5, 9, 14])
        logprobs = token_logprobs(trunk.hidden(batch, at_M), head.weight, at_M + 40, bias=None)
        logprobs.sum().backward()
        named = bundle.model.named_parameters()
        found.append({name: p.grad for name, p in named if p.requires_grad})
    assert found[0].keys() == found[1].keys()
    assert_close(found[1], found[0], rtol=1e-4, atol=1e-5)


def test_the_plan_counts_the_tables_and_their_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    place = desk(tmp_path, num_rows=24)
    told: list[dict[str, Any]] = []
    for settings in ([], ["tuner.embeddings=true"]):
        asked = [*QUICK, "tuner.name=lora", "tuner.rank=4", *settings]
        recipe = {"model": str(place.model), "data": {"train": str(place.data)}}
        told.append(plan(*read(recipe, overrides=asked)))
    model: Any = AutoModelForCausalLM.from_pretrained(place.model)
    table = model.get_input_embeddings().weight.numel()
    counts = [each["model"]["trained_parameters"] for each in told]
    assert counts[1] - counts[0] == table  # it is the head's too
    parts = [each["preflight"]["details"] for each in told]
    assert parts[1]["bytes_gradients"] - parts[0]["bytes_gradients"] == 4 * table
    assert parts[1]["bytes_optimizer"] - parts[0]["bytes_optimizer"] == 8 * table + 4  # and a step


def test_tables_are_trained_over_a_base_in_few_bits(tmp_path: Path) -> None:
    base = tiny.folder(tmp_path / "base")
    bundle = open_model(str(base), dtype=torch.float32)
    tuner = Qlora(build(QloraConfig, {"rank": 4, "embeddings": True, "bits": 8}, where="tuner"))
    attach(tuner, bundle, seed=0, frozen=torch.float32)
    disturb(bundle)
    manifest = run_export(
        bundle,
        tuner,
        format="adapter",
        folder=tmp_path / "adapter",
        prompts=[np.arange(5, 45, dtype=np.int32)],
        source_folder=base,
    )
    assert "peft" in manifest["parity"]["opened_by"]


def test_a_model_without_a_table_of_tokens_is_refused(tmp_path: Path) -> None:
    folder = pictures.model(tmp_path / "model")
    bundle = open_model(
        str(folder),
        kinds=frozenset({"image_classifier"}),
        labels=("blue", "red"),
        dtype=torch.float32,
    )
    with pytest.raises(RecipeError, match=r"tuner\.embeddings: this model has no table of tokens"):
        tuner_for().apply(bundle, seed=0)
