"""LLaMA-Factory's supervised fine-tuning: LoRA, bf16, no gradient checkpointing, its own padding.

It asks for older versions of transformers and TRL, so it has an environment of its own.
"""

from __future__ import annotations

import json
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import common

# imported for sound, of which there is none here, and not to be had for this version of torch
sound = ModuleType("torchaudio")
sound.__spec__ = ModuleSpec("torchaudio", None)
sys.modules["torchaudio"] = sound

from llamafactory.train.tuner import run_exp  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

COLUMNS = {
    "file_name": "rows.json",
    "formatting": "sharegpt",
    "columns": {"messages": "messages"},
    "tags": {
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
    },
}


def main() -> None:
    """Train on the rows and print one line."""
    given = common.arguments(__doc__ or "")
    data, folder = common.rows(given.rows)["train"], Path(given.out)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.json").write_text(json.dumps(data))
    (folder / "dataset_info.json").write_text(json.dumps({"rows": COLUMNS}))
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    num_tokens = sum(len(common.tokens(tokenizer, row["messages"]).ids) for row in data)
    run_exp(
        {
            "stage": "sft",
            "do_train": True,
            "model_name_or_path": given.model,
            "finetuning_type": "lora",
            "lora_rank": common.RANK,
            "lora_alpha": common.ALPHA,
            "lora_target": "all",
            "dataset": "rows",
            "dataset_dir": str(folder),
            "template": "smollm2",
            "cutoff_len": common.MAX_LENGTH,
            "per_device_train_batch_size": common.BATCH_SIZE,
            "gradient_accumulation_steps": 1,
            "num_train_epochs": 1,
            "learning_rate": common.LEARNING_RATE,
            "lr_scheduler_type": "cosine",
            "warmup_ratio": common.WARMUP,
            "weight_decay": 0.0,
            "bf16": given.precision == "bfloat16",
            "use_cpu": True,
            "disable_gradient_checkpointing": True,
            "disable_shuffling": True,
            "output_dir": str(folder / "out"),
            "save_strategy": "no",
            "report_to": "none",
            "logging_steps": 1,
        }
    )
    results = json.loads((folder / "out" / "train_results.json").read_text())
    common.report(
        system="llamafactory",
        tokens=num_tokens,
        seconds=results["train_runtime"],
        adapter=str(folder / "out"),
    )


if __name__ == "__main__":
    main()
