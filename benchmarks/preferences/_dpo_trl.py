"""TRL's side of dpo.py: bf16, no gradient checkpointing, the adapter's base as reference.

--variant "": the whole batch padded together; single: one pair at a time, which pads least.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import Any

import common
import torch
from _peft import lora, open_base
from datasets import Dataset
from peft import set_peft_model_state_dict
from peft.utils import load_peft_weights
from trl import DPOConfig, DPOTrainer


def main() -> None:
    """Train on the pairs and print one line."""
    given = common.arguments(__doc__ or "")
    pairs = common.rows(given.rows)["train"]
    model, tokenizer = open_base(given.model, given.precision)
    size = 1 if given.variant == "single" else common.BATCH_SIZE
    config = DPOConfig(
        output_dir=given.out,
        per_device_train_batch_size=size,
        gradient_accumulation_steps=common.BATCH_SIZE // size,
        num_train_epochs=1,
        learning_rate=common.LEARNING_RATE,
        lr_scheduler_type="cosine",
        warmup_steps=common.WARMUP,
        max_length=None,
        gradient_checkpointing=False,
        bf16=given.precision == "bfloat16",
        use_cpu=True,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    trainer = DPOTrainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(pairs),
        processing_class=tokenizer,
        peft_config=lora(),
    )
    trainer._get_train_sampler = lambda *_: torch.utils.data.SequentialSampler(
        trainer.train_dataset
    )
    start, start_cpu = time.perf_counter(), time.process_time()
    trainer.train()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
    log = trainer.state.log_history
    peak = common.peak_bytes()
    common.report(
        system=f"trl {given.variant}".strip(),
        pairs_per_second=len(pairs) / seconds,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        losses=[entry["loss"] for entry in log if "loss" in entry],
        margins=[entry["rewards/margins"] for entry in log if "rewards/margins" in entry],
        peak_bytes_while_training=peak,
        **_loss_of_other(trainer, given.adapter),
    )


def _loss_of_other(trainer: Any, adapter: str) -> dict[str, float]:
    """TRL's loss of the first pairs under the adapter that the other system trained."""
    if not adapter:
        return {}
    set_peft_model_state_dict(trainer.model, load_peft_weights(adapter))
    with trainer.compute_loss_context_manager():
        rounded = _first_loss(trainer)
    # what accelerate wrapped around the model would round again
    trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False).float()
    return {"loss_of_our_adapter": rounded, "loss_of_our_adapter_float32": _first_loss(trainer)}


@torch.no_grad()
def _first_loss(trainer: Any) -> float:
    size = trainer.args.per_device_train_batch_size
    batches = islice(trainer.get_train_dataloader(), common.BATCH_SIZE // size)
    inputs = [_without_line_end(trainer, batch) for batch in batches]
    return sum(float(trainer.compute_loss(trainer.model, item)) for item in inputs) / len(inputs)


def _without_line_end(trainer: Any, batch: dict[str, Any]) -> dict[str, Any]:
    """The batch without a loss on what the chat template puts behind the end of the turn: that is
    never generated, and no other system trains it."""
    inputs = trainer._prepare_inputs(batch)
    for ids, mask in zip(inputs["input_ids"], inputs["completion_mask"], strict=True):
        last = int(mask.nonzero()[-1])
        if not trainer.processing_class.decode([int(ids[last])]).strip():
            mask[last] = 0
    return inputs


if __name__ == "__main__":
    main()
