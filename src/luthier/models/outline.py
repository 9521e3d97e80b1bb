"""A model without its weights: every name and shape of it, as it would be opened."""

from __future__ import annotations

from pathlib import Path

import torch

from luthier.models.bundle import Kind, Outline
from luthier.models.facts import facts_of
from luthier.models.kinds import OPENINGS, without_pooler
from luthier.models.reading import open_config, reading


def outline(folder: Path, kind: Kind, *, labels: tuple[str, ...] = ()) -> Outline:
    """What `open_model` would give, on the meta device: to be looked at, never run.

    Raises: ModelError: transformers does not know the architecture.
    """
    config = open_config(folder)
    if labels:
        config.num_labels = len(labels)
    options, factory = without_pooler(kind, config), OPENINGS[kind].factory
    with reading(folder / "config.json", "makes no model"), torch.device("meta"):
        model = factory.from_config(config, trust_remote_code=False, **options)
    return Outline(model, kind, facts_of(model))
