"""The same LoRA for every rival."""

from __future__ import annotations

from typing import Any

import common
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer


def lora() -> LoraConfig:
    """Rank 16 on every linear layer but the head."""
    return LoraConfig(
        r=common.RANK,
        lora_alpha=common.ALPHA,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def open_base(folder: str, precision: str) -> tuple[Any, Any]:
    """Model and tokenizer."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, precision))
    return model, AutoTokenizer.from_pretrained(folder)


def open_adapted(folder: str, precision: str) -> tuple[Any, Any]:
    """Model with fresh adapters, and tokenizer."""
    torch.manual_seed(0)
    model, tokenizer = open_base(folder, precision)
    return get_peft_model(model, lora()), tokenizer
