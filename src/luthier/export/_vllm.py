"""Whether vLLM serves what was exported, and the command that does.

Source: vLLM's own loader in 2026 (vllm/lora/peft_helper.py, vllm/lora/lora_model.py and
vllm/config/lora.py): it takes LoRA with one scaling for all layers, no DoRA, no modules saved
whole, no other tensors than A and B, and ranks up to a bound that it is started with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

from luthier.core import files
from luthier.export.adapter import CONFIG, WEIGHTS
from luthier.models.bundle import Bundle
from luthier.models.quantised import quantised_layers
from luthier.tuners._patterns import value_for

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What `--max-lora-rank` may be."""
_A = ".lora_A.weight"


def served(stage: Path, bundle: Bundle, *, needs_base: bool, merges: bool, folder: Path) -> str:
    """The command that serves a language model from `folder`, whose files are in `stage` yet; or
    "no", why, and what to do. Empty for other models.
    """
    if bundle.kind != "causal_lm":
        return ""
    if not needs_base:
        return f"vllm serve {folder}"
    config = files.read_json(stage / CONFIG) if (stage / WEIGHTS).is_file() else {}
    ranks = _ranks(stage / WEIGHTS) if config else {}
    if reason := _obstacle(config, ranks, bundle):
        instead = (
            "Serve the merged model: luthier export RUN --format safetensors"
            if merges
            else "It cannot be merged either; luthier chat opens it, or the library of its format"
        )
        return f"no: {reason}. {instead}"
    bound = next(rank for rank in RANKS if rank >= max(ranks.values()))
    return (
        f"vllm serve {config['base_model_name_or_path']} --enable-lora --max-lora-rank {bound} "
        f"--lora-modules tuned={folder}"
    )


def _obstacle(config: Mapping[str, Any], ranks: Mapping[str, int], bundle: Bundle) -> str:
    """Why vLLM does not load such an adapter, or would answer otherwise; empty: it does."""
    if config.get("peft_type") != "LORA":
        return f"it serves LoRA, and this is {config.get('peft_type', 'a format of its own')}"
    if config.get("use_dora"):
        return "it knows no trained lengths (DoRA)"
    if config.get("modules_to_save"):
        return f"it loads no modules saved whole ({', '.join(config['modules_to_save'])})"
    if config.get("trainable_token_indices"):
        return "it loads no vectors of single tokens"
    if quantised_layers(bundle.model):
        return "it would put the adapter on a base that is not rounded as in training"
    usual = _scaled(config, config["lora_alpha"], config["r"])
    patterns: Mapping[str, float] = config.get("alpha_pattern") or {}
    alphas = {name: value_for(name, patterns, config["lora_alpha"]) for name in ranks}
    scalings = [_scaled(config, alphas[name], rank) for name, rank in ranks.items()]
    if not all(math.isclose(scaling, usual, rel_tol=1e-6) for scaling in scalings):
        return "it scales all layers alike, and here they differ (rank_pattern, alpha_pattern)"
    if max(ranks.values()) > RANKS[-1]:
        return f"its largest rank is {RANKS[-1]}, and this has {max(ranks.values())}"
    return ""


def _ranks(weights: Path) -> dict[str, int]:
    """Rank of every layer with a low-rank term."""
    with safe_open(weights, "pt") as file:
        names = [name for name in file.keys() if name.endswith(_A)]  # noqa: SIM118
        return {name.removesuffix(_A): file.get_slice(name).get_shape()[0] for name in names}


def _scaled(config: Mapping[str, Any], alpha: float, rank: int) -> float:
    """What a term is multiplied with."""
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
