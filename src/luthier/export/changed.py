"""`changed`: the tensors that training changed, by name, to be put into the base model."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from luthier.core import files
from luthier.core.errors import RecipeError, RunError
from luthier.export import _manifest
from luthier.export._registry import exporters
from luthier.export.contract import Written
from luthier.models.bundle import Bundle
from luthier.tuners.contract import Tuner

CONFIG, WEIGHTS = "changed.json", "changed.safetensors"
FORMAT_VERSION = 1


@exporters.add
class Changed:
    """What moved of the model's own tensors, in float32 under their names in transformers, with
    tokenizer and chat template. Loading is an assignment by name; nothing is computed. A tensor
    that the trained model has under several names is stored once: `shared` in changed.json names
    the others. One that is not there is of its own, even where the base ties it."""

    needs_base: ClassVar[bool] = True

    def write(self, bundle: Bundle, tuner: Tuner, folder: Path, *, source_folder: Path) -> Written:
        """Write changed.json, changed.safetensors and what belongs to the codec.

        Raises: RecipeError: the tuner changed more than tensors of the model.
        """
        del source_folder  # written without its base
        named, state = dict(bundle.model.named_parameters()), tuner.state(bundle.model)
        added = [name for name in state if name not in named]
        if added or not tuner.keeps_base or tuner.saved_as != "changed":
            raise RecipeError(
                "export format 'changed': holds tensors of the base model that were trained, and "
                f"what this tuner trained is saved as '{tuner.saved_as}'. Export it as that, or as "
                "safetensors."
            )
        tensors = {
            name: tensor.detach().to("cpu", torch.float32).contiguous().clone()
            for name, tensor in state.items()
        }
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
        source = bundle.source
        settings: dict[str, Any] = {
            "format_version": FORMAT_VERSION,
            "base": source.reference,
            "kind": bundle.kind,
            "labels": list(bundle.labels),
            "shared": _shared(bundle.model, tensors),
        }
        files.write_json(folder / CONFIG, settings)
        bundle.codec.save(folder)
        count = sum(tensor.numel() for tensor in tensors.values())
        facts: dict[str, str | int | float] = {"parameters": count, "dtype": "float32"}
        return Written(is_rounded=False, needs_base=True, facts=facts)

    def load(self, folder: Path, bundle: Bundle, tuner: Tuner) -> None:
        """Put what was written to `folder` back into `bundle`, to which `tuner` was attached.

        Raises: RunError: the folder is damaged, newer than this version, or does not fit.
        """
        _manifest.verify(folder)
        version = files.read_json(folder / CONFIG)["format_version"]
        if version != FORMAT_VERSION:
            raise RunError(
                f"{folder / CONFIG}: got format_version {version}, expected {FORMAT_VERSION}. "
                "A later version of luthier wrote it; use that one."
            )
        try:
            tuner.restore(bundle.model, load_file(folder / WEIGHTS))
        except RunError as error:
            raise RunError(f"{folder}: {error}") from None


def _shared(model: nn.Module, names: Collection[str]) -> dict[str, list[str]]:
    """Other names of each of these parameters in the model, where it has any."""
    first = {id(parameter): name for name, parameter in model.named_parameters()}
    found: dict[str, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        stored = first[id(parameter)]
        if stored in names and stored != name:
            found.setdefault(stored, []).append(name)
    return found
