"""What a model folder would open as, without reading a weight."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from luthier.core.errors import ModelError
from luthier.models.bundle import Facts
from luthier.models.facts import facts_of

_WRITERS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
_READERS = ("Bert", "Roberta", "Electra", "Camembert", "XLMRoberta", "DistilBert", "Deberta")
"""Encoders that transformers can also open as decoders, though nobody trained them as such."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Facts of the model, and whether it can write text."""

    facts: Facts
    can_generate: bool


def blueprint(folder: Path) -> Blueprint:
    """Read from config.json alone.

    Raises: ModelError: transformers does not know the architecture.
    """
    try:
        config: Any = AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        names = [str(name) for name in getattr(config, "architectures", None) or ()]
        can_generate = any(
            name.endswith(_WRITERS) and not name.startswith(_READERS) for name in names
        )
        factory = AutoModelForCausalLM if can_generate else AutoModel
        with torch.device("meta"):
            model = factory.from_config(config, trust_remote_code=False)
    except Exception as error:  # what a wrong value does is up to hundreds of architectures
        lines = str(error).strip().splitlines() or ["no words"]
        said = f"{type(error).__name__}: {lines[0][:300]}"
        raise ModelError(f"{folder / 'config.json'}: makes no model ({said})") from None
    return Blueprint(facts_of(model), can_generate)
