"""TRL's SFTTrainer, in the configuration that measured fastest on a CPU: bf16, padding-free, no
gradient checkpointing. --variant defaults leaves both as they are: checkpointing and padding."""

from __future__ import annotations

import time

import common
from _peft import lora, open_base
from datasets import Dataset
from trl import SFTConfig, SFTTrainer

# padding-free asks for no length limit; no row is longer than the others allow
FASTEST = {"max_length": None, "padding_free": True, "gradient_checkpointing": False}


def main() -> None:
    """Train on the rows and print one line."""
    given = common.arguments(__doc__ or "")
    data = common.rows(given.rows)["train"]
    model, tokenizer = open_base(given.model, given.precision)
    num_tokens = sum(len(common.tokens(tokenizer, row["messages"]).ids) for row in data)
    pairs = [{"prompt": r["messages"][:-1], "completion": r["messages"][-1:]} for r in data]
    config = SFTConfig(
        output_dir=given.out,
        per_device_train_batch_size=common.BATCH_SIZE,
        num_train_epochs=1,
        learning_rate=common.LEARNING_RATE,
        lr_scheduler_type="cosine",
        warmup_steps=common.WARMUP,
        **({} if given.variant == "defaults" else FASTEST),
        bf16=given.precision == "bfloat16",
        use_cpu=True,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        train_sampling_strategy="sequential",
        disable_tqdm=True,
    )
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(pairs),
        processing_class=tokenizer,
        peft_config=lora(),
    )
    start = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - start
    trainer.model.save_pretrained(given.out)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    common.report(
        system=f"trl {given.variant}".strip(),
        tokens=num_tokens,
        seconds=seconds,
        losses=losses,
        adapter=given.out,
    )


if __name__ == "__main__":
    main()
