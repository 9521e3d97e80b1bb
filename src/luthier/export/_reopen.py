"""A program of its own: opens exported files as a stranger would, and saves what they answer.

    python -m luthier.export._reopen FOLDER BASE PROMPTS ANSWERS

FOLDER holds the export, BASE the base model in transformers layout; PROMPTS and ANSWERS are
safetensors files. Only transformers (and PEFT for adapters) take part in opening.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from luthier.core.files import read_json
from luthier.export._outputs import in_float32, outputs


def open_export(folder: Path, base: Path, *, num_labels: int, base_dtype: str) -> tuple[Any, str]:
    """The model, and what opened it. `num_labels` above 0 asks for a classifier; the base of an
    adapter is read in the type that it had in training."""
    factory = AutoModelForSequenceClassification if num_labels else AutoModelForCausalLM
    options: dict[str, Any] = {
        "local_files_only": True,
        "trust_remote_code": False,
        "dtype": "auto",
    }
    opened_by = f"transformers {transformers.__version__}"
    if not (folder / "adapter_config.json").is_file():
        return factory.from_pretrained(folder, **options), opened_by
    if num_labels:
        options |= {"num_labels": num_labels, "ignore_mismatched_sizes": True}
    options["dtype"] = getattr(torch, base_dtype)
    # rounded as in training, then exact: PEFT reads a head in the type of the base
    model = factory.from_pretrained(base, **options).float()
    if model.config.pad_token_id is None:
        model.config.pad_token_id = 0
    try:
        import peft
    except ImportError:
        add_by_hand(model, folder)
        return model, f"{opened_by}, adapter added by its published formula (PEFT not installed)"
    adapted = peft.PeftModel.from_pretrained(model, str(folder))
    return adapted, f"{opened_by}, peft {peft.__version__}"


@torch.no_grad()
def add_by_hand(model: Any, folder: Path) -> None:
    """Fold a PEFT LoRA file into `model`: weight + alpha / r * B A, and whole modules as saved."""
    settings = read_json(folder / "adapter_config.json")
    if settings["peft_type"] != "LORA":
        raise SystemExit(
            f"an adapter of type {settings['peft_type']} is opened by PEFT, which is not installed "
            "here: pip install peft"
        )
    saved = load_file(folder / "adapter_model.safetensors")
    names = {name.removeprefix("base_model.model."): tensor for name, tensor in saved.items()}
    parameters = dict(model.named_parameters())
    for name, tensor in names.items():
        if name.endswith(".lora_A.weight"):
            layer = name.removesuffix(".lora_A.weight")
            delta = (
                names[f"{layer}.lora_B.weight"] @ tensor * settings["lora_alpha"] / settings["r"]
            )
            target = parameters[f"{layer}.weight"]
            target.data = target.data.float() + delta
        elif not name.endswith(".lora_B.weight"):
            parameters[name].data = tensor


def main(folder: str, base: str, prompts: str, answers: str) -> None:
    """Answer the prompts with the exported model."""
    given = load_file(prompts)
    with safe_open(prompts, "pt") as file:
        base_dtype = str(file.metadata()["base_dtype"])
    num_labels = int(given.pop("num_labels"))
    model, opened_by = open_export(
        Path(folder), Path(base), num_labels=num_labels, base_dtype=base_dtype
    )
    rows = [given[f"prompt_{index}"] for index in range(len(given))]
    with in_float32(model):
        found = outputs(model, rows, classifies=num_labels > 0)
    save_file(found, answers, metadata={"opened_by": opened_by})


if __name__ == "__main__":
    main(*sys.argv[1:])
