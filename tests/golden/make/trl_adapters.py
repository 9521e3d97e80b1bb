"""Adapters written by Luthier, opened and trained on by TRL: writes trl_adapters.json.

python -m tests.golden.make.adapters FOLDER          # where Luthier is
python -P tests/golden/make/trl_adapters.py FOLDER   # where TRL is
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

PLACE = Path(__file__).parents[1] / "trl_adapters.json"
NAMES = ("lora", "dora", "rslora", "pissa", "tables", "ia3", "prompt", "prefix")
PAIRS = [
    {"prompt": "What is the capital of France?", "chosen": " Paris it is", "rejected": " red"},
    {"prompt": "Is hello good?", "chosen": " yes it is good", "rejected": " no it is bad one"},
]
FIXED = ("prompt", "prefix")
"""PEFT refuses to open these for training: "Cannot set a prompt learning adapter to trainable"."""
AFRESH = ("ia3",)
"""TRL 1.16 makes a second adapter as DPO's reference; of this type it is a fresh one, the base."""
NUM_LOGITS = 24
COMMON: dict[str, Any] = {
    "max_steps": 1,
    "per_device_train_batch_size": 2,
    "learning_rate": 1e-3,
    "report_to": "none",
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "logging_steps": 1,
    "save_strategy": "no",
    "disable_tqdm": True,
}


def opened(folder: Path, name: str) -> Any:
    """As TRL's users go on with an adapter."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder / "base")
    return PeftModel.from_pretrained(model, folder / name, is_trainable=name not in FIXED)


def sft(folder: Path, name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """SFTTrainer on the chosen answers: the loss it finds and, of one step, what moved."""
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    model = opened(folder, name)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    moves = {key for key, parameter in model.named_parameters() if parameter.requires_grad}
    data = [
        {
            "input_ids": row["prompt_ids"] + row["chosen_ids"],
            "completion_mask": [0] * len(row["prompt_ids"]) + [1] * len(row["chosen_ids"]),
        }
        for row in rows
    ]
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(str(folder / "out"), completion_only_loss=True, **COMMON),
        train_dataset=Dataset.from_list(data),
        eval_dataset=Dataset.from_list(data),
        processing_class=AutoTokenizer.from_pretrained(folder / "base"),
    )
    found = {"evaluated": trainer.evaluate()["eval_loss"]}
    if name in FIXED:
        return found
    trainer.train()
    after = trainer.model.state_dict()
    moved = {key for key, tensor in before.items() if not torch.equal(tensor, after[key])}
    own = trainer.model.named_parameters(remove_duplicate=False)
    shared = {key for key, parameter in own if parameter.requires_grad}
    return {
        **found,
        "trained": next(line["loss"] for line in trainer.state.log_history if "loss" in line),
        "parameters": sum(model.get_parameter(key).numel() for key in moves),
        "moved": bool(moved),
        "only_the_adapter_moved": moved <= shared,
    }


def dpo(folder: Path, name: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The tokens of the pairs, and what DPOTrainer says of them before its first step."""
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    trainer = DPOTrainer(
        model=opened(folder, name),
        args=DPOConfig(str(folder / "out"), **COMMON),
        train_dataset=Dataset.from_list(PAIRS),
        processing_class=AutoTokenizer.from_pretrained(folder / "base"),
    )
    keys = ("prompt_ids", "chosen_ids", "rejected_ids")
    rows = [{key: list(row[key]) for key in keys} for row in trainer.train_dataset]
    reference = "a copy" if "ref" in trainer.model.peft_config else "the base"
    trainer.train()
    said = trainer.state.log_history[0]
    kept = ("loss", "logps/chosen", "logps/rejected")
    return rows, {"reference": reference, **{key: said[key] for key in kept}}


@torch.no_grad()
def logits(folder: Path, name: str, rows: list[dict[str, Any]]) -> list[float]:
    """The first of those after the last token of a chosen answer."""
    ids = torch.tensor([rows[0]["prompt_ids"] + rows[0]["chosen_ids"]])
    return opened(folder, name).eval()(input_ids=ids).logits[0, -1, :NUM_LOGITS].tolist()


def main(folder: Path) -> None:
    """Open every adapter and write what was found."""
    found: dict[str, Any] = {}
    rows, _ = dpo(folder, "lora")
    for name in NAMES:
        found[name] = {"logits": logits(folder, name, rows), "sft": sft(folder, name, rows)}
        if name not in FIXED:
            found[name]["dpo"] = dpo(folder, name)[1]
    versions = {name: version(name) for name in ("trl", "peft", "transformers", "torch")}
    document = {"versions": versions, "rows": rows, "adapters": found}
    PLACE.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
