"""Names that other tools use for our keys, and those we understand but do not take."""

from __future__ import annotations

from types import MappingProxyType

ALIASES = MappingProxyType(
    {
        "base_model": "model",
        "model_name": "model",
        "model_name_or_path": "model",
        "run_name": "name",
        "report_to": "trackers",
        "adapter": "tuner.name",
        "finetuning_type": "tuner.name",
        "r": "tuner.rank",
        "rank": "tuner.rank",
        "lora_r": "tuner.rank",
        "lora_rank": "tuner.rank",
        "alpha": "tuner.alpha",
        "lora_alpha": "tuner.alpha",
        "lora_dropout": "tuner.dropout",
        "rank_pattern": "tuner.rank_pattern",
        "alpha_pattern": "tuner.alpha_pattern",
        "use_rslora": "tuner.rank_stabilised",
        "use_dora": "tuner.lengths",
        "loraplus_lr_ratio": "tuner.rate_ratio",
        "target": "tuner.target",
        "lora_target": "tuner.target",
        "lora_target_modules": "tuner.target",
        "target_modules": "tuner.target",
        "feedforward_modules": "tuner.feedforward",
        "num_virtual_tokens": "tuner.num_virtual_tokens",
        "prompt_tuning_init_text": "tuner.text",
        "prefix_projection": "tuner.projection",
        "encoder_hidden_size": "tuner.encoder_hidden_size",
        "reduction_factor": "tuner.reduction_factor",
        "dataset": "data.train",
        "dataset_path": "data.train",
        "train_file": "data.train",
        "train_path": "data.train",
        "training_file": "data.train",
        "eval_file": "data.validation",
        "val_file": "data.validation",
        "validation_file": "data.validation",
        "test_file": "data.test",
        "max_samples": "data.max_rows",
        "val_set_size": "data.validation_share",
        "val_size": "data.validation_share",
        "lr": "training.learning_rate",
        "num_epochs": "training.epochs",
        "num_train_epochs": "training.epochs",
        "n_epochs": "training.epochs",
        "cutoff_len": "training.max_length",
        "max_seq_len": "training.max_length",
        "max_seq_length": "training.max_length",
        "sequence_len": "training.max_length",
        "clip_grad_norm": "training.max_grad_norm",
        "gradient_clipping": "training.max_grad_norm",
        "lr_scheduler": "training.lr_scheduler_type",
        "eval_steps": "training.evaluate_every",
        "save_steps": "training.save_every",
        "save_total_limit": "training.keep_checkpoints",
        "effective_batch_size": "training.batch_size",
        "global_batch_size": "training.batch_size",
        "torch_compile": "training.compile",
        "layerwise_lr_decay": "training.layer_decay",
        "layer_wise_lr_decay": "training.layer_decay",
        "llrd": "training.layer_decay",
    }
)
"""Well-known name -> canonical dotted key."""

_BATCH = (
    "training.batch_size is the number of examples per optimizer step over all devices; how many "
    "run at a time is chosen from memory (or set training.micro_batch_tokens)"
)
_TABLES = (
    "a classifier's head is always trained and saved; for embed_tokens and lm_head say "
    "tuner.embeddings=true"
)
REFUSED = MappingProxyType(
    {
        "bf16": "say training.precision=bfloat16, float32 or auto",
        "fp16": "float16 is not used; training.precision is auto, bfloat16 or float32",
        "learning_rate_multiplier": "say training.learning_rate, the peak step size itself",
        "load_in_4bit": "say tuner.name=qlora, which stores the base in 4 bits (tuner.bits)",
        "load_in_8bit": "say tuner.name=qlora and tuner.bits=8",
        "logging_steps": "every step is recorded; leave it out",
        "optim": "the optimizer is AdamW; leave it out",
        "optimizer": "the optimizer is AdamW; leave it out",
        "output_dir": "say --out DIR on the command line",
        "out": "say --out DIR on the command line",
        "packing": "rows never touch each other and are never padded; leave it out",
        "sample_packing": "rows never touch each other and are never padded; leave it out",
        "template": "the model's own chat template is used; leave it out",
        "chat_template": "the model's own chat template is used; leave it out",
        "trust_remote_code": "code from a model repository is never run; leave it out",
        "train_on_inputs": "say objective.prompt_weight, 1 for true and 0 for false (the default)",
        "warmup_steps": "say training.warmup_ratio, the share of steps (0.05 is usual)",
        "modules_to_save": _TABLES,
        "lora_modules_to_save": _TABLES,
        "additional_target": _TABLES,
        "micro_batch_size": f"alone it does not say the batch; {_BATCH}",
        "gradient_accumulation_steps": f"alone it does not say the batch; {_BATCH}",
    }
)
"""Well-known name -> what to do instead."""

ROWS_AT_A_TIME = ("per_device_train_batch_size", "micro_batch_size")
ACCUMULATION = "gradient_accumulation_steps"
BATCH_PARTS = frozenset({*ROWS_AT_A_TIME, ACCUMULATION})
"""Together these say `training.batch_size`: their product, on one device."""
