"""Tokens whose vectors are trained: where they begin, that only they move, and what PEFT makes of
the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import peft
import pytest
import torch
from tests import tiny
from torch import nn
from torch.testing import assert_close
from transformers import AutoModelForCausalLM

from luthier.core.config import build
from luthier.core.errors import RecipeError
from luthier.export import run_export
from luthier.export.adapter import load
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.models.token_rows import token_rows
from luthier.tuners import attach
from luthier.tuners.lora import Config, Lora

NEW, KNOWN = ["<tool>", "colour_of"], "Q"
IDS = torch.arange(5, 45)[None]


def tuner_for(**settings: Any) -> Lora:
    return Lora(build(Config, {"rank": 4, "tokens": [*NEW, KNOWN], **settings}, where="tuner"))


def opened(folder: Path) -> Bundle:
    return open_model(str(folder), dtype=torch.float32)


def tuned(folder: Path, **settings: Any) -> tuple[Bundle, Lora]:
    bundle, tuner = opened(folder), tuner_for(**settings)
    attach(tuner, bundle, seed=0, frozen=torch.float32)
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in bundle.model.parameters():
            if parameter.requires_grad:
                parameter += 0.05 * torch.randn(parameter.shape, generator=draws)
    return bundle, tuner


@pytest.fixture(params=["tied", "untied", "scaled"])
def base(request: Any, tmp_path: Path) -> Path:
    """A table as long as the vocabulary, one with rows to spare and a head of its own, or one whose
    rows the model scales."""
    tokenizer = tiny.tokenizer()
    is_tied = request.param != "untied"
    size = len(tokenizer) if is_tied else 512
    architecture = "gemma2" if request.param == "scaled" else "llama"
    model = tiny.causal_lm(architecture, tie_word_embeddings=is_tied, vocab_size=size)
    model.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def ids_of(bundle: Bundle) -> list[int]:
    tokenizer: Any = bundle.codec.tokenizer
    return [int(tokenizer.convert_tokens_to_ids(token)) for token in [*NEW, KNOWN]]


def test_a_new_token_begins_as_the_mean_of_its_pieces(base: Path) -> None:
    before = opened(base)
    table = cast(Any, before.model).get_input_embeddings().weight
    tokenizer: Any = before.codec.tokenizer
    pieces = tokenizer(NEW[1], add_special_tokens=False)["input_ids"]
    bundle, tuner = opened(base), tuner_for()
    tuner.apply(bundle, seed=0)
    new = cast(Any, bundle.model).get_input_embeddings()
    row = ids_of(bundle)[1]
    assert row >= len(tokenizer)
    assert_close(new.weight[row], table[pieces].mean(0))
    assert torch.equal(new.weight[: len(tokenizer)], table[: len(tokenizer)])
    assert list(bundle.codec.encode(f"{NEW[1]}")).count(row) == 1


def test_only_the_adapters_and_the_rows_of_these_tokens_can_move(base: Path) -> None:
    bundle, tuner = opened(base), tuner_for()
    tuner.apply(bundle, seed=0)
    trained = {n for n, p in bundle.model.named_parameters() if p.requires_grad}
    rows = {name for name in trained if "lora_" not in name}
    low_rank = {n for n, _ in bundle.model.named_parameters() if ".lora_A" in n or ".lora_B" in n}
    assert low_rank
    assert trained - rows == low_rank
    parts = [part for part in token_rows(bundle.model).values() if part.own is not None]
    assert len(rows) == len(parts)
    assert all(part.own.shape == (3, 32) for part in parts if part.own is not None)
    groups = tuner.groups(bundle.model)
    owner = next(g for g in groups if any(p is parts[0].own for p in g.parameters))
    assert not owner.decays


def test_a_fresh_adapter_changes_nothing(base: Path) -> None:
    before, bundle = opened(base), opened(base)
    tuner_for(tokens=[KNOWN]).apply(bundle, seed=0)
    row = ids_of(bundle)[2]
    ids = torch.tensor([[7, row, 9, row, 30]])
    with torch.no_grad():
        # logits of this token come from a product of its own
        wanted = before.model(input_ids=ids).logits
        assert_close(bundle.model(input_ids=ids).logits, wanted, rtol=1e-5, atol=1e-5)


class Normed(nn.Embedding):
    """Gives what neither we nor PEFT know how to make of a row."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(super().forward(input), dim=-1)


def test_a_table_that_gives_something_else_than_its_rows_is_refused(base: Path) -> None:
    bundle = opened(base)
    model: Any = bundle.model
    table = model.get_input_embeddings()
    model.set_input_embeddings(Normed(*table.weight.shape))
    for act in (tuner_for().check, lambda bundle: tuner_for().apply(bundle, seed=0)):
        with pytest.raises(RecipeError, match=r"tuner\.tokens: the table of .* is a Normed, .*"):
            act(bundle)


def test_the_base_view_has_the_first_rows(base: Path) -> None:
    bundle, tuner = opened(base), tuner_for()
    tuner.apply(bundle, seed=0)
    with torch.no_grad():
        first = bundle.model(input_ids=IDS).logits
        for part in token_rows(bundle.model).values():
            part.rows.add_(1.0)
        assert not torch.equal(bundle.model(input_ids=IDS).logits, first)
        with tuner.base(bundle.model):
            # logits of these tokens come from a product of their own
            assert_close(bundle.model(input_ids=IDS).logits, first, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_peft_gives_the_trained_logits(base: Path, tmp_path: Path) -> None:
    bundle, tuner = tuned(base)
    prompts = [np.arange(5, 45, dtype=np.int32), np.array([*ids_of(bundle), 7, 9], np.int32)]
    folder = tmp_path / "adapter"
    manifest = run_export(
        bundle, tuner, format="adapter", folder=folder, prompts=prompts, source_folder=base
    )
    assert "peft" in manifest["parity"]["opened_by"]
    ids = torch.tensor([[*ids_of(bundle), 7, 9]])
    with torch.no_grad():
        wanted = bundle.model(input_ids=ids).logits
        model: Any = AutoModelForCausalLM.from_pretrained(base)
        model.resize_token_embeddings(len(bundle.codec.tokenizer), mean_resizing=False)  # pyright: ignore
        found = peft.PeftModel.from_pretrained(model, str(folder))(input_ids=ids).logits
        rows = min(found.shape[-1], wanted.shape[-1])
        assert_close(found[..., :rows], wanted[..., :rows], rtol=1e-4, atol=1e-5)
    again, second = opened(base), tuner_for()
    attach(second, again, seed=3, frozen=torch.float32)
    load(folder, again, second)
    with torch.no_grad():
        assert torch.equal(again.model(input_ids=ids).logits, wanted)


def test_a_merged_model_has_the_rows_and_the_tokens(base: Path, tmp_path: Path) -> None:
    bundle, tuner = tuned(base)
    prompts = [np.array([*ids_of(bundle), 7, 9], np.int32)]
    run_export(
        bundle,
        tuner,
        format="safetensors",
        folder=tmp_path / "model",
        prompts=prompts,
        source_folder=base,
    )
    whole = open_model(str(tmp_path / "model"), dtype=torch.float32)
    assert ids_of(whole) == ids_of(bundle)
    ids = torch.tensor([[*ids_of(bundle), 7, 9]])
    with torch.no_grad():
        wanted, found = bundle.model(input_ids=ids).logits, whole.model(input_ids=ids).logits
    assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_token_of_no_letters_is_refused(base: Path) -> None:
    with pytest.raises(RecipeError, match=r"recipe tuner.tokens: got '', expected tokens of one"):
        tuner_for(tokens=["<tool>", ""]).extend(opened(base).codec)
