"""`adapter`: what was trained, in PEFT's layout, to be used with the base model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from luthier.core import files
from luthier.core.errors import RecipeError, RunError
from luthier.export import _manifest
from luthier.export._registry import exporters
from luthier.export.contract import Written
from luthier.models.bundle import Bundle, Source
from luthier.models.low_rank import LowRankLinear
from luthier.tuners.contract import Tuner

PREFIX = "base_model.model."
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_TASKS = {"causal_lm": "CAUSAL_LM", "sequence_classifier": "SEQ_CLS"}
_PARTS = (".lora_A.weight", ".lora_B.weight")


@exporters.add
class Adapter:
    """A LoRA adapter (and a classifier's head) in float32, as PEFT, vLLM and TRL load it, with
    tokenizer, chat template and generation settings."""

    needs_base: ClassVar[bool] = True

    def write(self, bundle: Bundle, tuner: Tuner, folder: Path, *, source_folder: Path) -> Written:
        """Write adapter_config.json, adapter_model.safetensors and what belongs to the codec.

        Raises: RecipeError: the tuner added no low-rank terms.
        """
        del source_folder  # an adapter is written without its base
        layers = _layers(bundle.model)
        if not layers:
            raise RecipeError(
                "export format 'adapter': this run has no adapter, its tuner changed the weights "
                "themselves. Export it as safetensors."
            )
        state = tuner.state(bundle.model)
        tensors = {PREFIX + name: _plain(tensor) for name, tensor in state.items()}
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
        heads = _heads([name for name in state if not name.endswith(_PARTS)])
        files.write_json(folder / CONFIG, _config(bundle, layers, heads))
        bundle.codec.tokenizer.save_pretrained(folder)
        _save_generation(bundle.model, folder)
        count = sum(tensor.numel() for tensor in tensors.values())
        facts: dict[str, str | int | float] = {"parameters": count, "dtype": "float32"}
        return Written(is_rounded=False, needs_base=True, facts=facts)

    def load(self, folder: Path, bundle: Bundle, tuner: Tuner) -> None:
        """As the function of this name."""
        load(folder, bundle, tuner)


def load(folder: Path, bundle: Bundle, tuner: Tuner) -> None:
    """Put the adapter in `folder` into `bundle`, to which `tuner` was applied.

    Raises: RunError: the folder is damaged, or does not fit the model and the tuner.
    """
    _manifest.verify(folder)
    settings = files.read_json(folder / CONFIG)
    scaling = settings["lora_alpha"] / settings["r"]
    for name, layer in _layers(bundle.model).items():
        if abs(layer.scaling - scaling) > 1e-6 * abs(scaling):
            raise RunError(
                f"{folder}: was trained with a scaling of {scaling:g}; tuner.alpha / tuner.rank "
                f"gives {layer.scaling:g} at '{name}'"
            )
    saved = load_file(folder / WEIGHTS)
    tuner.restore(bundle.model, {name.removeprefix(PREFIX): t for name, t in saved.items()})


def _layers(model: nn.Module) -> dict[str, LowRankLinear]:
    return {name: part for name, part in model.named_modules() if isinstance(part, LowRankLinear)}


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float32).contiguous().clone()


def _heads(names: list[str]) -> list[str]:
    """The modules that parameters saved whole belong to, as short as they can be named."""
    owners = {name.rpartition(".")[0] for name in names}
    tops = {".".join(owner.split(".")[:2]) if "." in owner else owner for owner in owners}
    return sorted(tops)


def _config(bundle: Bundle, layers: dict[str, LowRankLinear], heads: list[str]) -> dict[str, Any]:
    first = next(iter(layers.values()))
    name, revision = _base_of(bundle.source)
    return {
        "peft_type": "LORA",
        "task_type": _TASKS[bundle.kind],
        "base_model_name_or_path": name,
        "r": first.rank,
        "lora_alpha": _whole(first.scaling * first.rank),
        "lora_dropout": first.dropout,
        "target_modules": _targets(bundle.model, layers),
        "modules_to_save": heads or None,
        "bias": "none",
        "fan_in_fan_out": False,
        "init_lora_weights": True,
        "inference_mode": True,
        "use_dora": False,
        "use_rslora": False,
        "rank_pattern": {},
        "alpha_pattern": {},
        "revision": revision or None,
    }


def _base_of(source: Source) -> tuple[str, str]:
    """What other libraries open the base by: name and revision on the hub, or its folder here."""
    is_on_hub = "/" in source.reference and not Path(source.reference).expanduser().exists()
    if not is_on_hub:
        return str(source.folder), ""
    name, _, revision = source.reference.partition("@")
    return name, revision


def _save_generation(model: Any, folder: Path) -> None:
    """A classifier has none."""
    if model.can_generate():
        model.generation_config.save_pretrained(folder)


def _whole(value: float) -> int | float:
    return round(value) if abs(value - round(value)) < 1e-9 else value


def _targets(model: nn.Module, layers: dict[str, LowRankLinear]) -> list[str]:
    """Last parts of the adapted names where these mean the adapted layers and no others, which
    every loader understands; otherwise the full names."""
    leaves = {name.rpartition(".")[2] for name in layers}
    others = [
        name
        for name, part in model.named_modules()
        if isinstance(part, nn.Linear) and not name.endswith(".base")
    ]
    if any(name.rpartition(".")[2] in leaves for name in others):
        return sorted(layers)
    return sorted(leaves)
