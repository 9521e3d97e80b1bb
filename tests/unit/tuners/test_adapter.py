"""Bottleneck adapters: where they go, and what is refused. Their numbers: parity/test_adapters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from tests import tiny
from torch.testing import assert_close

from luthier.core.errors import ModelError, RecipeError
from luthier.export.bottleneck import factor_of
from luthier.models.bottleneck import bottlenecks
from luthier.models.bundle import Bundle
from luthier.models.trunks import build
from luthier.tuners import tuners


def tuned(bundle: Bundle, **settings: Any) -> Any:
    kind = tuners.get("adapter")
    tuner = kind(kind.Config(**settings))
    tuner.apply(bundle, seed=0)
    return tuner


def test_houlsby_adds_two_to_a_block_and_pfeiffer_one() -> None:
    for placement, count in (("houlsby", 4), ("pfeiffer", 2)):
        bundle = tiny.bundle()
        tuned(bundle, placement=placement)
        parts = bottlenecks(bundle.model)
        assert len(parts) == count
        assert all(part.size == 32 // 16 for part in parts.values())


def test_forms_have_the_settings_of_the_literature() -> None:
    kind = tuners.get("adapter")
    found = kind.resolve(kind.Config(placement="houlsby"))
    assert {key: value for key, (value, _) in found.items()} == {
        "reduction_factor": 16.0,
        "activation": "silu",
        "scaling": 1.0,
    }
    found = kind.resolve(kind.Config(parallel=True))
    assert {key: value for key, (value, _) in found.items()} == {
        "reduction_factor": 2.0,
        "activation": "relu",
        "scaling": 4.0,
    }


def test_a_scaling_with_which_nothing_trains_is_refused() -> None:
    with pytest.raises(ValidationError, match="expected another number than 0"):
        tuners.get("adapter").Config(scaling=0)


@pytest.mark.parametrize("architecture", ["llama", "bert"])
def test_fast_paths_say_why_they_do_not_run_it(architecture: Any) -> None:
    labels = ("a", "b") if architecture == "bert" else ()
    bundle = tiny.bundle(architecture, labels=labels)
    tuned(bundle)
    with pytest.raises(ModelError, match="is a Bottleneck"):
        build(bundle.model, bundle.kind, prefer="fast", compute_dtype=torch.float32)


def test_recomputed_activations_change_no_gradient() -> None:
    found: list[Any] = []
    for on in (False, True):
        bundle = tiny.bundle()
        tuned(bundle, parallel=True, placement="houlsby")
        model: Any = bundle.model
        trunk = build(model, bundle.kind, prefer="general", compute_dtype=torch.float32)
        trunk.set_checkpointing(on=on)
        model.train()
        model(input_ids=torch.tensor([[9, 8, 7, 30]])).logits.square().sum().backward()
        found.append({n: p.grad for n, p in model.named_parameters() if p.requires_grad})
    assert_close(found[1], found[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("architecture", ["gemma2", "gpt2"])
def test_blocks_that_are_not_understood_are_refused(architecture: Any) -> None:
    with pytest.raises(RecipeError, match="are not understood; known are those like BERT's"):
        tuned(tiny.bundle(architecture))


def test_a_factor_beyond_the_width_is_refused() -> None:
    with pytest.raises(RecipeError, match="got 64, but the model is 32 wide"):
        tuned(tiny.bundle(), reduction_factor=64.0)


def test_it_does_not_merge() -> None:
    bundle = tiny.bundle()
    with pytest.raises(RecipeError, match="does not merge"):
        tuned(bundle).merge(bundle.model)


@pytest.mark.parametrize("width", [32, 384, 576, 768, 4096])
def test_the_factor_that_is_written_makes_the_library_build_our_size(width: int) -> None:
    for size in range(1, width + 1):
        assert int(width // factor_of(width, size)) == size
    assert factor_of(width, width // 16) == 16.0
