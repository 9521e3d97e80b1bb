"""What is said of vLLM is what its loader takes, for every tuner, and so say the pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests import tiny
from tests.architecture.source import ROOT
from tests.contracts.cases import SETTINGS

from luthier.core.config import build
from luthier.export import exporters
from luthier.export._vllm import served
from luthier.models.load import open_model
from luthier.tuners import attach, resolved, tuners

LOADED: dict[str, tuple[dict[str, Any], int]] = {
    "lora": ({"rank": 4}, 8),
    "rslora": ({"rank": 8, "rank_stabilised": True}, 8),
    "pissa": ({"rank": 8, "start": "pissa"}, 16),
    "ranks": ({"rank": 4, "rank_pattern": {"q_proj": 16}}, 16),
}
"""Settings of lora, and the bound on ranks that vLLM is to be started with."""
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "dora": ("lora", {"rank": 4, "lengths": True}, "no trained lengths"),
    "tables": ("lora", {"rank": 4, "embeddings": True}, "lm_head, model.embed_tokens"),
    "tokens": ("lora", {"rank": 4, "tokens": ["<tool>"]}, "vectors of single tokens"),
    "alphas": ("lora", {"rank": 4, "alpha": 8, "alpha_pattern": {"q_proj": 4}}, "scales all"),
    "ranks at one alpha": (
        "lora",
        {"rank": 4, "alpha": 8, "alpha_pattern": {}, "rank_pattern": {"q_proj": 2}},
        "scales all",
    ),
    "qlora": ("qlora", {"rank": 4, "bits": 8}, "not rounded as in training"),
    "ia3": ("ia3", {}, "this is IA3"),
    "last_layers": ("last_layers", {"num_layers": 1}, "this is a format of its own"),
}


def said(kind: str, settings: dict[str, Any], tmp_path: Path) -> str:
    base = tiny.folder(tmp_path / "base")
    bundle = open_model(str(base), dtype=torch.float32)
    component = tuners.get(kind)
    first = build(component.Config, settings, where="tuner")
    chosen = {key: value for key, (value, _) in resolved(component, first).items()}
    tuner = component(build(component.Config, {**settings, **chosen}, where="tuner"))
    attach(tuner, bundle, seed=0, frozen=torch.float32)
    stage = tmp_path / "stage"
    stage.mkdir()
    written = exporters.get(tuner.saved_as)().write(bundle, tuner, stage, source_folder=base)
    return served(
        stage,
        bundle,
        needs_base=written.needs_base,
        merges=tuner.merges,
        folder=Path("adapter"),
    )


@pytest.mark.parametrize("name", LOADED)
def test_a_plain_low_rank_adapter_is_served_with_a_bound_that_holds_it(
    name: str, tmp_path: Path
) -> None:
    settings, bound = LOADED[name]
    assert said("lora", settings, tmp_path) == (
        f"vllm serve {tmp_path / 'base'} --enable-lora --max-lora-rank {bound} "
        "--lora-modules tuned=adapter"
    )


@pytest.mark.parametrize("name", REFUSED)
def test_what_its_loader_refuses_or_would_change_is_to_be_merged(name: str, tmp_path: Path) -> None:
    kind, settings, reason = REFUSED[name]
    found = said(kind, settings, tmp_path)
    assert found.startswith("no: ")
    assert reason in found
    assert found.endswith("luthier export RUN --format safetensors")


@pytest.mark.parametrize("name", [n for n, t in tuners.items() if not t.merges])
def test_what_cannot_be_merged_is_not_served_at_all(name: str, tmp_path: Path) -> None:
    found = said(name, SETTINGS.get(name, {}), tmp_path)
    assert found.startswith("no: it serves LoRA, and this is ")
    assert "It cannot be merged either; luthier chat opens it" in found


def test_a_whole_model_is_served_as_it_is_and_of_others_nothing_is_said(tmp_path: Path) -> None:
    bundle = tiny.bundle()
    settings: dict[str, Any] = {"needs_base": False, "merges": True, "folder": Path("model")}
    assert served(tmp_path, bundle, **settings) == "vllm serve model"
    other = tiny.bundle("bert", labels=("a", "b"))
    assert served(tmp_path, other, **settings) == ""


def test_the_page_names_every_tuner() -> None:
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    table = page.partition("## Does vLLM load it?")[2].partition("\n## ")[0]
    assert [name for name in tuners.names() if f"`{name}`" not in table] == []
