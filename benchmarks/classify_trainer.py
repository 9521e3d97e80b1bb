"""transformers' Trainer on a sequence classifier: all weights, dynamic padding."""

from __future__ import annotations

import time

import common
import numpy as np
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)


def main() -> None:
    """Train on the rows and print one line."""
    given = common.arguments(__doc__ or "")
    data = common.rows(given.rows)
    names = sorted({row["label"] for row in data["train"]})
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(
        given.model, num_labels=len(names), dtype=torch.float32
    )
    parts = {
        part: [
            {**tokenizer(row["text"], truncation=True), "labels": names.index(row["label"])}
            for row in data[part]
        ]
        for part in ("train", "held_out")
    }
    arguments = TrainingArguments(
        output_dir=given.out,
        per_device_train_batch_size=common.CLASSIFY_BATCH_SIZE,
        per_device_eval_batch_size=64,
        num_train_epochs=common.CLASSIFY_EPOCHS,
        learning_rate=common.CLASSIFY_LEARNING_RATE,
        lr_scheduler_type="cosine",
        warmup_steps=common.WARMUP,
        bf16=given.precision == "bfloat16",
        use_cpu=True,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    trainer = Trainer(
        model,
        arguments,
        data_collator=DataCollatorWithPadding(tokenizer),
        train_dataset=parts["train"],
    )
    start = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - start
    found = trainer.predict(parts["held_out"])
    right = float((np.argmax(found.predictions, -1) == found.label_ids).mean())
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    common.report(
        system=f"trainer {given.precision}",
        samples=len(parts["train"]) * common.CLASSIFY_EPOCHS,
        tokens=sum(len(r["input_ids"]) for r in parts["train"]) * common.CLASSIFY_EPOCHS,
        seconds=seconds,
        losses=losses,
        accuracy=right,
    )


if __name__ == "__main__":
    main()
