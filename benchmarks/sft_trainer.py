"""transformers' Trainer with PEFT: bf16, dynamic padding, no gradient checkpointing."""

from __future__ import annotations

import time

import common
from _peft import open_adapted
from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments


def main() -> None:
    """Train on the rows and print one line."""
    given = common.arguments(__doc__ or "")
    model, tokenizer = open_adapted(given.model, given.precision)
    examples = [
        common.tokens(tokenizer, row["messages"]) for row in common.rows(given.rows)["train"]
    ]
    features = [
        {"input_ids": e.ids, "labels": [-100] * e.num_prompt + e.ids[e.num_prompt :]}
        for e in examples
    ]
    arguments = TrainingArguments(
        output_dir=given.out,
        per_device_train_batch_size=common.BATCH_SIZE,
        num_train_epochs=1,
        learning_rate=common.LEARNING_RATE,
        lr_scheduler_type="cosine",
        warmup_steps=common.WARMUP,
        bf16=given.precision == "bfloat16",
        use_cpu=True,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        train_sampling_strategy="sequential",
        disable_tqdm=True,
    )
    collator = DataCollatorForSeq2Seq(tokenizer, padding=True)
    trainer = Trainer(model, arguments, data_collator=collator, train_dataset=features)
    start = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - start
    model.save_pretrained(given.out)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    num_tokens = sum(len(e.ids) for e in examples)
    common.report(
        system="trainer", tokens=num_tokens, seconds=seconds, losses=losses, adapter=given.out
    )


if __name__ == "__main__":
    main()
