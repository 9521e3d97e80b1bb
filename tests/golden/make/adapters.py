"""Adapters of every type that PEFT has, trained a little and written as a run writes them.

    python -m tests.golden.make.adapters FOLDER

writes a tiny base model and, beside it, an adapter for each name. An environment that has TRL, and
nothing of Luthier, opens them: see trl_adapters.py.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from tests import tiny

from luthier.core.config import build as config_of
from luthier.export.adapter import Adapter
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.models.trunks import build
from luthier.tuners import Tuner, attach, resolved, tuners

ADAPTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "lora": ("lora", {"rank": 4}),
    "dora": ("lora", {"rank": 4, "lengths": True}),
    "rslora": ("lora", {"rank": 4, "rank_stabilised": True}),
    "pissa": ("lora", {"rank": 4, "start": "pissa"}),
    "tables": ("lora", {"rank": 4, "embeddings": True}),
    "ia3": ("ia3", {}),
    "prompt": ("prompt", {"num_virtual_tokens": 4, "init": "random"}),
    "prefix": ("prefix", {"num_virtual_tokens": 4, "init": "random"}),
}
"""Name -> tuner and its settings."""


def base(folder: Path) -> Path:
    """The model that all of them belong to."""
    return tiny.folder(folder / "base")


def tuned(name: str, source: Path) -> tuple[Bundle, Tuner]:
    """The base with this adapter, moved away from where it started, and its trunk."""
    bundle = open_model(str(source), dtype=torch.float32)
    kind, settings = ADAPTERS[name]
    component = tuners.get(kind)
    config = config_of(component.Config, settings, where="tuner")
    chosen = {key: value for key, (value, _) in resolved(component, config).items()}
    tuner = component(config_of(component.Config, {**settings, **chosen}, where="tuner"))
    attach(tuner, bundle, seed=0, frozen=torch.float32)
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in bundle.model.parameters():
            if parameter.requires_grad:
                parameter += 0.05 * torch.randn(parameter.shape, generator=draws)
    bundle.model.eval()
    bundle.trunk = build(bundle.model, "causal_lm", prefer="general", compute_dtype=torch.float32)
    return bundle, tuner


def main(folder: Path) -> None:
    """Write the base and all adapters."""
    source = base(folder)
    for name in ADAPTERS:
        bundle, tuner = tuned(name, source)
        (folder / name).mkdir()
        Adapter().write(bundle, tuner, folder / name, source_folder=source)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
