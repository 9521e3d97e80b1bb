"""A program of its own: opens exported files as a stranger would, and saves what they answer.

    python -m luthier.export._reopen FOLDER BASE PROMPTS ANSWERS

FOLDER holds the export, BASE the base model in transformers layout; PROMPTS and ANSWERS are
safetensors files. Only transformers (and PEFT for adapters) take part in opening.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from luthier.core.files import read_json
from luthier.export._outputs import in_float32, outputs
from luthier.export._stored import open_stored
from luthier.export.bottleneck import WEIGHTS as BOTTLENECKS
from luthier.export.bottleneck import add_bottlenecks
from luthier.models.bundle import Kind
from luthier.models.kinds import OPENINGS, renamed


@dataclass(frozen=True, slots=True)
class Told:
    """What the trained model was."""

    kind: Kind
    num_labels: int
    base_dtype: str


def open_export(
    folder: Path, base: Path, *, told: Told, stored: Mapping[str, Any]
) -> tuple[Any, str]:
    """The model, and what opened it. The base of an adapter is read in the type that it had in
    training, and stored as it was (`storage_of`)."""
    factory = OPENINGS[told.kind].factory
    options: dict[str, Any] = {
        "local_files_only": True,
        "trust_remote_code": False,
        "dtype": "auto",
    }
    opened_by = f"transformers {transformers.__version__}"
    is_changed = (folder / "changed.safetensors").is_file()
    if not is_changed and not (folder / "adapter_config.json").is_file():
        return factory.from_pretrained(folder, **options), opened_by
    if told.num_labels:
        options |= {"num_labels": told.num_labels, "ignore_mismatched_sizes": True}
    options["dtype"] = getattr(torch, told.base_dtype)
    options |= renamed(told.kind, str(read_json(base / "config.json").get("model_type")))
    # rounded as in training, then exact: PEFT reads a head in the type of the base
    model = open_stored(factory, base, stored, **options).float()
    _make_room(model, folder)
    if getattr(model.config, "pad_token_id", 0) is None:
        model.config.pad_token_id = 0
    if is_changed:
        shared = read_json(folder / "changed.json").get("shared", {})
        exchange(model, load_file(folder / "changed.safetensors"), shared=shared)
        return model, f"{opened_by}, changed tensors exchanged by name"
    if (folder / BOTTLENECKS).is_file():
        add_bottlenecks(model, folder)
        return model, f"{opened_by}, adapters added by their published formula"
    import peft  # slow, and of no use above

    adapted = peft.PeftModel.from_pretrained(model, str(folder))
    return adapted, f"{opened_by}, peft {peft.__version__}"


def exchange(
    model: Any, changed: Mapping[str, Tensor], *, shared: Mapping[str, Sequence[str]]
) -> None:
    """Put every tensor in the place of the one of its name, and of those that `shared` says it was
    in training; of no other that the base ties to it."""
    for name, tensor in changed.items():
        parameter = nn.Parameter(tensor)
        for each in (name, *shared.get(name, ())):
            owner, _, own = each.rpartition(".")
            setattr(model.get_submodule(owner), own, parameter)


def _make_room(model: Any, folder: Path) -> None:
    """Rows for tokens that were added to the tokenizer, as AutoPeftModel makes them."""
    if not (folder / "tokenizer_config.json").is_file():
        return
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if len(tokenizer) > len(model.get_input_embeddings().weight):
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)


def main(folder: str, base: str, prompts: str, answers: str) -> None:
    """Answer the prompts with the exported model."""
    given = load_file(prompts)
    with safe_open(prompts, "pt") as file:
        said = file.metadata()
    told = Told(cast(Kind, said["kind"]), int(given.pop("num_labels")), said["base_dtype"])
    stored = json.loads(said["stored"])
    model, opened_by = open_export(Path(folder), Path(base), told=told, stored=stored)
    rows = [given[f"prompt_{index}"] for index in range(len(given))]
    with in_float32(model):
        found = outputs(model, rows, kind=told.kind)
    save_file(found, answers, metadata={"opened_by": opened_by})


if __name__ == "__main__":
    main(*sys.argv[1:])
