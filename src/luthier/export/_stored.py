"""A base stored in few bits: what says how, and how a stranger opens it so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import BitsAndBytesConfig

from luthier.models.quantised import dequantise, quantise, quantised_layers


def storage_of(model: nn.Module) -> dict[str, Any]:
    """`bits` (0: as in the files) and `whole`: the linear layers that are stored as they are."""
    layers = quantised_layers(model)
    bits = next((layer.bits for layer in layers.values()), 0)
    whole = [name for name, part in model.named_modules() if isinstance(part, nn.Linear)]
    return {"bits": bits, "whole": whole}


def open_stored(factory: Any, base: Path, stored: Mapping[str, Any], **options: Any) -> Any:
    """The base of a transformers folder, rounded as it was in training, in plain layers.

    4 bits are transformers' own loading through bitsandbytes. Its 8 bits round activations too,
    which nothing here does, so weights alone are rounded for these.
    """
    if stored["bits"] != 4:
        model = factory.from_pretrained(base, **options)
        if stored["bits"]:
            linear = [name for name, part in model.named_modules() if isinstance(part, nn.Linear)]
            names = [name for name in linear if name not in stored["whole"]]
            model = dequantise(quantise(model, names, bits=stored["bits"]))
        return model
    settings = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
        llm_int8_skip_modules=list(stored["whole"]),
    )
    return factory.from_pretrained(base, quantization_config=settings, **options).dequantize()
