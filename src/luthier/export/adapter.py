"""`adapter`: what was trained, in PEFT's layout, to be used with the base model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from luthier.core import files
from luthier.core.errors import RecipeError, RunError
from luthier.export import _manifest
from luthier.export._registry import exporters
from luthier.export.contract import Written
from luthier.models.bundle import Bundle, Source
from luthier.models.kinds import OPENINGS
from luthier.tuners.contract import Adapting, Peft, Tuner

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@exporters.add
class Adapter:
    """What was added to the base (and a classifier's head) in float32, as PEFT, vLLM and TRL load
    it, with tokenizer, chat template and generation settings."""

    needs_base: ClassVar[bool] = True

    def write(self, bundle: Bundle, tuner: Tuner, folder: Path, *, source_folder: Path) -> Written:
        """Write adapter_config.json, adapter_model.safetensors and what belongs to the codec.

        Raises: RecipeError: the tuner has nothing that PEFT could hold.
        """
        del source_folder  # an adapter is written without its base
        if not isinstance(tuner, Adapting):
            raise RecipeError(
                "export format 'adapter': this run has no adapter that PEFT could load; what its "
                f"tuner trained is saved as '{tuner.saved_as}'. Export it as {tuner.saved_as}."
            )
        result = tuner.peft(bundle)
        tensors = {name: _plain(tensor) for name, tensor in result.tensors.items()}
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
        files.write_json(folder / CONFIG, {**_common(bundle), **result.config})
        bundle.codec.save(folder)
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
    assert isinstance(tuner, Adapting)
    saved = Peft(files.read_json(folder / CONFIG), load_file(folder / WEIGHTS))
    try:
        tuner.take_peft(bundle, saved)
    except RunError as error:
        raise RunError(f"{folder}: {error}") from None


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float32).contiguous().clone()


def _common(bundle: Bundle) -> dict[str, Any]:
    """What every adapter says."""
    name, revision = _base_of(bundle.source)
    return {
        "task_type": OPENINGS[bundle.kind].peft_task or None,
        "base_model_name_or_path": name,
        "revision": revision or None,
        "inference_mode": True,
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
