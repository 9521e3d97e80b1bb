"""What a model folder would open as, without reading a weight."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoModelForCausalLM

from luthier.models.bundle import Facts, Kind
from luthier.models.facts import facts_of
from luthier.models.kinds import kinds_of
from luthier.models.reading import open_config, reading

_WRITERS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
_READERS = ("Bert", "Roberta", "Electra", "Camembert", "XLMRoberta", "DistilBert", "Deberta")
"""Encoders that transformers can also open as decoders, though nobody trained them as such."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Facts of the model, and whether it can write text."""

    facts: Facts
    can_generate: bool
    kinds: tuple[Kind, ...]
    """What it can be opened as, what it was made for first."""


def blueprint(folder: Path) -> Blueprint:
    """Read from config.json alone.

    Raises: ModelError: transformers does not know the architecture.
    """
    config = open_config(folder)
    can_generate = writes(config)
    factory = AutoModelForCausalLM if can_generate else AutoModel
    with reading(folder / "config.json", "makes no model"), torch.device("meta"):
        model = factory.from_config(config, trust_remote_code=False)
    return Blueprint(facts_of(model), can_generate, kinds_of(config, can_generate=can_generate))


def writes(config: Any) -> bool:
    """Whether the model was trained to write text."""
    names = [str(name) for name in getattr(config, "architectures", None) or ()]
    return any(name.endswith(_WRITERS) and not name.startswith(_READERS) for name in names)
