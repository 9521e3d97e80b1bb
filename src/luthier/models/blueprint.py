"""What a model folder would open as, without reading a weight."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModel, AutoModelForCausalLM

from luthier.models.bundle import Facts
from luthier.models.facts import facts_of
from luthier.models.reading import open_config, reading

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
    config = open_config(folder)
    names = [str(name) for name in getattr(config, "architectures", None) or ()]
    can_generate = any(name.endswith(_WRITERS) and not name.startswith(_READERS) for name in names)
    factory = AutoModelForCausalLM if can_generate else AutoModel
    with reading(folder / "config.json", "makes no model"), torch.device("meta"):
        model = factory.from_config(config, trust_remote_code=False)
    return Blueprint(facts_of(model), can_generate)
