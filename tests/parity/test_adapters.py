"""Bottleneck adapters against the `adapters` library: outputs and gradients on the same weights.

Its numbers were recorded (tests/golden/make/bottleneck.py), as it needs an older transformers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import tiny
from tests.golden.make.bottleneck import BERT, FORMS, LLAMA, fill, measured
from torch.testing import assert_close
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
)

from luthier.models.bundle import Bundle, Source
from luthier.models.codec import codec_of
from luthier.models.facts import facts_of
from luthier.models.trunks import build
from luthier.tuners import tuners

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "bottleneck.json").read_text())


def bundle(name: str) -> Bundle:
    model: Any
    if name == "bert":
        model, kind = BertForSequenceClassification(BertConfig(**BERT)), "sequence_classifier"
    else:
        model, kind = LlamaForCausalLM(LlamaConfig(**LLAMA)), "causal_lm"
    tokenizer = tiny.word_tokenizer() if name == "bert" else tiny.tokenizer()
    model.eval()
    trunk = build(model, kind, prefer="general", compute_dtype=torch.float32)
    source = Source("tiny", Path("tiny"), "0" * 64)
    return Bundle(model, kind, facts_of(model), codec_of(tokenizer), source, trunk)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["bert", "llama"])
def test_outputs_and_gradients_agree(name: str, form: str) -> None:
    opened = bundle(name)
    kind = tuners.get("adapter")
    tuner = kind(kind.Config(**{"reduction_factor": 8.0, **FORMS[form]}))
    model: Any = tuner.apply(opened, seed=0).model
    fill(model.named_parameters())
    model.config._attn_implementation = "sdpa"
    # in float64, which no processor rounds in a way of its own: of logits up to 2, those that were
    # recorded, in float32, are up to 5e-6 off
    found, wanted = measured(model.double()), GOLDEN[f"{name} {form}"]
    assert found["gradients"].keys() == wanted["gradients"].keys()
    assert_close(
        torch.tensor(found["logits"]), torch.tensor(wanted["logits"]), rtol=1e-5, atol=1e-5
    )
    for key, value in wanted["gradients"].items():
        ours = torch.tensor(found["gradients"][key])
        assert_close(ours, torch.tensor(value), rtol=1e-4, atol=1e-7)  # sums of small numbers
