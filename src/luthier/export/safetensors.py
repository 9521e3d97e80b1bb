"""`safetensors`: the tuned model as a plain transformers folder, adapters folded in."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors import safe_open
from torch import Tensor

from luthier.core import files
from luthier.core.errors import ParityError, RecipeError, RunError
from luthier.export._registry import exporters
from luthier.export._rounding import store
from luthier.export.contract import Written
from luthier.models.bundle import Bundle
from luthier.models.mixed import Types, types_of
from luthier.tuners.contract import Tuner

_TYPES = {"bfloat16": torch.bfloat16, "float16": torch.bfloat16, "float32": torch.float32}


@exporters.add
class SafeTensors:
    """Weights in the base model's type, config, generation config, tokenizer and chat template."""

    needs_base: ClassVar[bool] = False

    def write(self, bundle: Bundle, tuner: Tuner, folder: Path, *, source_folder: Path) -> Written:
        """Write a merged copy; `bundle` is left alone.

        Raises: RecipeError: the tuner cannot be merged.
            ParityError: the result equals the base model bit for bit.
        """
        if not tuner.merges:
            raise RecipeError(
                "export format 'safetensors': this tuner's result cannot be folded into the "
                f"weights. Export it as {tuner.saved_as}."
            )
        dtype = _base_type(source_folder)
        used = types_of(bundle.model)
        merged: Any = copy.deepcopy(bundle.model)
        merged.float()  # before merging: a bfloat16 sum would lose what float32 can hold
        merged = tuner.merge(merged)
        store(merged, dtype)
        _refuse_base(merged, source_folder, used=used)
        _clean(merged)
        merged.save_pretrained(folder)
        bundle.codec.save(folder)
        facts: dict[str, str | int | float] = {
            "parameters": sum(p.numel() for p in merged.parameters()),
            "dtype": str(dtype).removeprefix("torch."),
        }
        return Written(is_rounded=dtype != torch.float32, needs_base=False, facts=facts)

    def load(self, folder: Path, bundle: Bundle, tuner: Tuner) -> None:
        """Raises: RunError: always; the folder is opened like any other model."""
        del bundle, tuner
        raise RunError(f"{folder}: a whole model, which cannot be put into another")


def _base_type(source_folder: Path) -> torch.dtype:
    """float32 or bfloat16 as the base; float16 becomes bfloat16, whose range training needs."""
    config = files.read_json(source_folder / "config.json")
    named = str(config.get("dtype") or config.get("torch_dtype") or "float32")
    return _TYPES.get(named.removeprefix("torch."), torch.float32)


def _clean(model: Any) -> None:
    """Forget what described the packed base and the training."""
    for name in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(model.config, name):
            delattr(model.config, name)
    model.is_quantized = False
    model.hf_quantizer = None
    model.config.use_cache = True
    model.requires_grad_(False)


def _refuse_base(model: Any, source_folder: Path, *, used: Types) -> None:
    """Args: used: the types in which the base was read for training."""
    prefix = f"{model.base_model_prefix}."
    ours: dict[str, Tensor] = dict(model.state_dict())
    seen = 0
    for name, base in _tensors_in(source_folder):
        mine = next((n for n in (name, prefix + name) if n in ours), None)
        if mine is None:
            continue
        seen += 1
        own = ours.pop(mine)
        if not any(_is_equal(own, base.to(dtype)) for dtype in used):
            return
    is_new = [name for name, _ in model.named_parameters() if name in ours]
    if seen and not is_new:
        raise ParityError(
            "The merged model equals the base model bit for bit: training changed nothing that "
            "its type can hold. Nothing was written. Export the adapter, or train longer."
        )


def _tensors_in(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """Name and value of every tensor, one at a time."""
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118
                yield name, file.get_tensor(name)


def _is_equal(ours: Tensor, base: Tensor) -> bool:
    return ours.shape == base.shape and torch.equal(ours, base.to(ours.dtype))
