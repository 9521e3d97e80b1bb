"""Bottleneck adapters as files: opened in another process, loaded back, refused where they do not
fit. That the `adapters` library reads them was seen (tests/golden/make/bottleneck.py, --load)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests import tiny
from tests.golden.make.bottleneck import FORMS

from luthier.core.errors import RecipeError, RunError
from luthier.export import exporters, run_export
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.tuners import tuners

PROMPTS = [np.arange(5, 45, dtype=np.int32), np.arange(60, 90, dtype=np.int32)]
LABELS = ("label_0", "label_1", "label_2")


def opened(folder: Path, architecture: str) -> Bundle:
    labels = LABELS if architecture in ("bert", "roberta") else ()
    return open_model(str(folder), labels=labels, dtype=torch.float32)


def tuned(bundle: Bundle, seed: int = 0, **settings: Any) -> Any:
    kind = tuners.get("adapter")
    tuner = kind(kind.Config(**{"reduction_factor": 8.0, **settings}))
    tuner.apply(bundle, seed=seed)
    draws = torch.Generator().manual_seed(1)
    for parameter in bundle.model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=draws)
    return tuner


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("architecture", ["llama", "bert"])
def test_what_is_written_is_the_tuned_model(architecture: Any, form: str, tmp_path: Path) -> None:
    base = tiny.folder(tmp_path / "base", architecture=architecture)
    bundle = opened(base, architecture)
    tuner = tuned(bundle, **FORMS[form])
    folder = tmp_path / "adapter"
    manifest = run_export(
        bundle, tuner, format="bottleneck", folder=folder, prompts=PROMPTS, source_folder=base
    )
    assert "adapters" in manifest["parity"]["opened_by"]
    again = opened(base, architecture)
    second = tuned(again, 7, **FORMS[form])
    exporters.get("bottleneck")().load(folder, again, second)
    ours, theirs = tuner.state(bundle.model), second.state(again.model)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    saved = json.loads((folder / "adapter_config.json").read_text())
    assert saved["config"]["is_parallel"] is FORMS[form].get("parallel", False)
    assert all(".adapters.luthier." in name for name in load_file(folder / "adapter.safetensors"))


def test_another_form_is_refused_by_name(tmp_path: Path) -> None:
    base = tiny.folder(tmp_path / "base")
    bundle = opened(base, "llama")
    folder = tmp_path / "adapter"
    tuner = tuned(bundle)
    run_export(
        bundle, tuner, format="bottleneck", folder=folder, prompts=PROMPTS, source_folder=base
    )
    again = opened(base, "llama")
    with pytest.raises(RunError, match=r"non_linearity: got relu, expected gelu"):
        exporters.get("bottleneck")().load(folder, again, tuned(again, activation="gelu"))


def test_a_run_without_bottlenecks_is_refused(tmp_path: Path) -> None:
    base = tiny.folder(tmp_path / "base")
    bundle = opened(base, "llama")
    kind = tuners.get("ia3")
    tuner = kind(kind.Config())
    tuner.apply(bundle, seed=0)
    with pytest.raises(RecipeError, match="Export it as adapter"):
        exporters.get("bottleneck")().write(bundle, tuner, tmp_path, source_folder=base)
