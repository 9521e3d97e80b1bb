"""A base in few bits: how near it is, what it takes, and that nothing of it is lost on the way."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bitsandbytes import functional as published
from safetensors.torch import load_file
from tests import tiny
from tests.contracts.cases import case, plain_bundle
from torch import Tensor, nn
from torch.testing import assert_close

from luthier.core.config import build
from luthier.core.errors import MissingExtra, RecipeError
from luthier.export import run_export
from luthier.models import quantised
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.models.low_rank import LowRankLinear
from luthier.models.quantised import QuantisedLinear, num_parameters, quantised_layers
from luthier.tuners._low_rank import adapters
from luthier.tuners.qlora import Config, Qlora

PROMPTS = [np.arange(5, 45, dtype=np.int32), np.arange(60, 90, dtype=np.int32)]


def layer(dtype: torch.dtype = torch.float32, *, bias: bool = True) -> nn.Linear:
    draws = torch.Generator().manual_seed(0)
    found = nn.Linear(192, 128, bias=bias, dtype=dtype)
    with torch.no_grad():
        found.weight.copy_(torch.randn(128, 192, generator=draws))
    return found.requires_grad_(False)


def tuned(bundle: Bundle, **settings: Any) -> Qlora:
    tuner = Qlora(build(Config, {"rank": 4, **settings}, where="tuner"))
    tuner.apply(bundle, seed=0)
    tiny.disturb(bundle.model)
    return tuner


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_four_bits_are_what_bitsandbytes_makes_of_the_weight(dtype: torch.dtype) -> None:
    plain = layer(dtype)
    packed, state = published.quantize_4bit(
        plain.weight, blocksize=64, compress_statistics=True, quant_type="nf4"
    )
    stored = QuantisedLinear(plain, bits=4)
    assert torch.equal(stored.weight, published.dequantize_4bit(packed, state))
    assert stored.weight.dtype == dtype


def test_eight_bits_are_within_half_a_step_of_the_weight() -> None:
    plain = layer()
    error = (QuantisedLinear(plain, bits=8).weight - plain.weight).abs()
    steps = plain.weight.abs().amax(1) / 127
    assert (error <= 0.5001 * steps[:, None]).all()


@pytest.mark.parametrize(("bits", "share"), [(4, 0.27), (8, 0.52)])
def test_the_bytes_are_those_that_are_promised(bits: Any, share: float) -> None:
    plain = layer(torch.bfloat16)
    stored = QuantisedLinear(plain, bits=bits)
    assert stored.stored_bytes <= share * plain.weight.nbytes
    assert stored.stored_bytes == sum(b.nbytes for b in stored.buffers())


def test_loftq_starts_at_the_best_part_of_what_rounding_takes() -> None:
    found = case("qlora", "sft", settings={"recover": "loftq", "rank": 6, "target": ["q_proj"]})
    exact = case("lora", "sft", settings={"rank": 6, "target": ["q_proj"]})
    layers, before = dict(adapters(found.bundle.model)), dict(adapters(exact.bundle.model))
    assert layers
    for name, layer in layers.items():
        lost = before[name].base.weight - layer.base.weight
        left, values, right = torch.linalg.svd(lost)
        best = left[:, :6] * values[:6] @ right[:6]
        assert_close(layer.delta(), best, rtol=1e-3, atol=1e-5)
        assert (lost - layer.delta()).norm() < 0.9 * lost.norm()


def calibrated(way: str, moments_II: Tensor) -> dict[str, LowRankLinear]:
    """Terms of rank 6 over a rounded base, where every layer had inputs of such moments."""
    bundle = plain_bundle("causal_lm")
    settings = {"rank": 6, "target": ["q_proj", "v_proj"], "alpha": 12.0}
    tuner = Qlora(Config.model_validate({**settings, "recover": way}))
    if tuner.calibrated_by():
        tuner.calibrate(bundle, lambda names: dict.fromkeys(names, moments_II), seed=0, tell=print)
    tuner.apply(bundle, seed=0)
    return dict(adapters(bundle.model))


@torch.no_grad()
def test_qera_recovers_what_changes_outputs_as_well_as_the_rank_can() -> None:
    settings = {"rank": 6, "target": ["q_proj", "v_proj"]}
    exact = dict(adapters(case("lora", "sft", settings=settings).bundle.model))
    width = next(iter(exact.values())).base.weight.shape[1]
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(400, 8, generator=draw) @ torch.randn(8, width, generator=draw)
    inputs += 0.3 * torch.randn(400, width, generator=draw)
    moments = inputs.t() @ inputs / len(inputs)
    root = torch.linalg.cholesky(moments + 1e-3 * moments.diagonal().mean() * torch.eye(width))
    terms = {way: calibrated(way, moments) for way in ("loftq", "qera")}
    for name, layer in exact.items():
        missed: dict[str, float] = {}
        for way, found in terms.items():
            lost = layer.base.weight - found[name].base.weight
            missed[way] = float(((lost - found[name].delta()) @ root).norm())
            least = float(torch.linalg.svdvals(lost @ root)[6:].norm())
        assert missed["qera"] == pytest.approx(least, rel=1e-3)
        assert missed["qera"] < 0.9 * missed["loftq"]
        usual = layer.lora_A.square().mean().sqrt()
        for found in terms.values():
            assert_close(found[name].lora_A.square().mean().sqrt(), usual, rtol=0.2, atol=0)


def test_a_weight_that_rounding_leaves_as_it_is_begins_as_lora_does() -> None:
    bundle = plain_bundle("causal_lm")
    tuner = Qlora(Config(recover="loftq", rank=6, target=["q_proj"], alpha=12.0))
    for name in tuner.check(bundle):
        bundle.model.get_submodule(name).weight.data.zero_()
    for _, layer in adapters(tuner.apply(bundle, seed=0).model):
        assert layer.lora_A.any()
        assert not layer.lora_B.any()


def test_a_large_model_is_not_measured_unless_asked() -> None:
    facts = replace(plain_bundle("causal_lm").facts, num_parameters=7_000_000_000)
    tuner = Qlora(Config(alpha=12.0))
    value, why = tuner.start(facts, hindrance="")["recover"]
    assert (value, why) == ("nothing", "over 1 billion parameters")
    assert Qlora(Config(alpha=12.0, recover="qera")).start(facts, hindrance="") == {}


def test_qera_without_measured_inputs_begins_at_zero() -> None:
    """A finished run is opened without rows; its adapter is put in afterwards."""
    found = case("qlora", "sft", settings={"recover": "qera", "rank": 6, "target": ["q_proj"]})
    assert not any(layer.lora_B.any() for _, layer in adapters(found.bundle.model))


@torch.no_grad()
@pytest.mark.parametrize("share", [0, 0.5])
def test_inputs_that_were_always_zero_do_not_blow_the_term_up(share: float) -> None:
    width = next(iter(calibrated("loftq", torch.zeros(0)).values())).base.weight.shape[1]
    moments = torch.eye(width) * (torch.arange(width) < share * width)
    for layer in calibrated("qera", moments).values():
        assert layer.delta().norm() < layer.base.weight.norm()
        assert bool(layer.lora_B.any()) == bool(share)


def test_moments_are_asked_for_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, asked = plain_bundle("causal_lm"), []
    tuner = Qlora(Config(recover="qera", rank=6, alpha=12.0))
    width = max(layer.in_features for layer in tuner.check(bundle).values())
    monkeypatch.setattr("luthier.tuners.qlora._PORTION", 4 * width**2)

    def measure(names: Sequence[str]) -> dict[str, Tensor]:
        asked.append(list(names))
        layers = tuner.check(bundle)
        return {name: torch.eye(layers[name].in_features) for name in names}

    told: list[tuple[int, int]] = []
    tuner.calibrate(bundle, measure, seed=0, tell=lambda *done: told.append(done))
    number = len(tuner.check(bundle))
    assert told == [(done, number) for done in range(1, number + 1)]
    assert [name for names in asked for name in names] == list(tuner.check(bundle))
    assert all(names for names in asked)
    assert 1 < len(asked) < len(tuner.check(bundle))


def test_loftq_with_lengths_begins_at_the_same_weight() -> None:
    settings = {"recover": "loftq", "rank": 6, "target": ["q_proj"]}
    plain = case("qlora", "sft", settings=settings)
    weighed = case("qlora", "sft", settings={**settings, "lengths": True})
    for name, layer in dict(adapters(weighed.bundle.model)).items():
        same = dict(adapters(plain.bundle.model))[name]
        assert_close(layer.delta(), same.delta(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("bias", [True, False])
def test_outputs_and_gradients_are_those_of_the_stored_weight(bits: Any, bias: bool) -> None:
    plain = layer(bias=bias)
    stored = QuantisedLinear(plain, bits=bits)
    inputs = torch.randn(7, 192, generator=torch.Generator().manual_seed(2), requires_grad=True)
    same = stored.plain()
    (stored(inputs).square().sum()).backward()
    found, inputs.grad = inputs.grad, None
    (same(inputs).square().sum()).backward()
    assert_close(found, inputs.grad)
    assert torch.equal(stored(inputs), same(inputs)) or bias


@pytest.mark.parametrize("bits", [4, 8])
def test_the_fast_path_runs_on_the_stored_weights(bits: int) -> None:
    settings = {"rank": 8, "bits": bits}
    fast = case("qlora", "sft", way="bfloat16", settings=settings)
    plain = case("qlora", "sft", way="bfloat16-general", settings=settings)
    assert (fast.bundle.trunk.name, plain.bundle.trunk.name) == ("llama", "general")
    fast.disturb()
    plain.disturb()
    assert fast.loss(fast.features) == pytest.approx(plain.loss(plain.features), rel=5e-3)
    ours = fast.gradient(fast.features, max_tokens=64)
    theirs = plain.gradient(plain.features, max_tokens=64)
    for name, gradient in ours.items():
        apart = (gradient - theirs[name]).norm() / theirs[name].norm().clamp_min(1e-3)
        assert apart < 0.1, name  # two orders of bfloat16 sums


def test_the_model_is_told_smaller_and_says_so() -> None:
    found = case("qlora", "sft", way="bfloat16").bundle
    parts = [*found.model.parameters(), *found.model.buffers()]
    trained = sum(p.nbytes for p in found.model.parameters() if p.requires_grad)
    inverse = sum(b.nbytes for n, b in found.model.named_buffers() if "inv_freq" in n)
    assert found.facts.weight_bytes == sum(p.nbytes for p in parts) - trained - inverse
    assert "base in 4 bits: 14 matrices" in found.notes[-1]


@pytest.mark.filterwarnings("ignore")  # what transformers says while it loads in few bits
@pytest.mark.parametrize("bits", [4, 8])
def test_parameters_are_counted_as_what_they_were(bits: Any) -> None:
    bundle = tiny.bundle()
    before = num_parameters(bundle.model)
    assert before == bundle.facts.num_parameters
    tuned(bundle, bits=bits)
    added = sum(p.numel() for p in bundle.model.parameters() if p.requires_grad)
    assert num_parameters(bundle.model) == before + added


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("format", ["adapter", "safetensors"])
def test_what_is_exported_answers_like_what_was_trained(
    bits: int, format: str, tmp_path: Path
) -> None:
    base = tiny.folder(tmp_path / "base")
    bundle = open_model(str(base), dtype=torch.float32)
    tuner = tuned(bundle, bits=bits)
    manifest = run_export(
        bundle, tuner, format=format, folder=tmp_path / "out", prompts=PROMPTS, source_folder=base
    )
    assert manifest["parity"]["max_difference"] <= manifest["parity"]["tolerance"]
    assert quantised_layers(bundle.model)  # the bundle is left as it was
    if format == "safetensors":
        assert not [
            name for name in load_file(tmp_path / "out/model.safetensors") if "pack" in name
        ]


def test_the_principal_part_of_rounded_weights_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"tuner.start: got 'pissa', expected zero"):
        build(Config, {"start": "pissa"}, where="tuner")


def test_without_bitsandbytes_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes.functional", None)
    quantised.bitsandbytes_functions.cache_clear()
    try:
        with pytest.raises(
            MissingExtra, match=r"bits=8 .* needs .bitsandbytes.\. Install it: pip install"
        ):
            case("qlora", "sft")
        assert quantised_layers(case("qlora", "sft", settings={"bits": 8}).bundle.model)
    finally:
        quantised.bitsandbytes_functions.cache_clear()
