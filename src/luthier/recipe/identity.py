"""A hash over what decides the trained weights: equal for recipes that train the same thing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from luthier.core.files import sha256_of
from luthier.recipe.schema import Recipe

LEFT_OUT = {
    "name": "a label",
    "model": "compared by the hash of its files",
    "trackers": "they only listen",
    "allow": "permission, not content",
    "evaluation": "happens after training",
    "data.train": "compared by the hash of its files",
    "data.validation": "compared by the hash of its files",
    "data.test": "compared by the hash of its files",
    "data.mixture_weights": "compared with the rows of the sources",
    "data.corrections": "compared by the hash of its files",
    "data.encoding": "compared by the rows it gives",
    "data.on_finding": "only decides whether training starts",
    "training.save_every": "saving changes nothing",
    "training.keep_checkpoints": "saving changes nothing",
    "training.max_seconds": "only decides where to stop, and a later run may go on",
    "training.micro_batch_tokens": "losses are sums and counts: the same update up to rounding",
    "training.gradient_checkpointing": "the same update, in less memory",
    "training.compile": "the same update up to rounding",
    "training.cache_bytes": "the same update up to rounding",
}
"""Keys without a say in the identity, and why."""


def identity_of(recipe: Recipe, *, unsaid: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """Hex SHA-256. Values equal to their default count as not given, so that a later version with
    one more setting still knows its runs.

    Args: unsaid: defaults of objective and tuner, by section.
    A run is resumed only where this and the hashes of data, model and tokenizer agree.
    """
    content: dict[str, Any] = recipe.model_dump(exclude_defaults=True)
    for dotted in LEFT_OUT:
        section, _, name = dotted.partition(".")
        if not name:
            content.pop(section, None)
        elif section in content:
            content[section].pop(name, None)
    for section, defaults in (unsaid or {}).items():
        said = content.get(section, {})
        content[section] = {
            key: value
            for key, value in said.items()
            if key not in defaults or value != defaults[key]
        }
    kept = {key: value for key, value in content.items() if value != {}}
    return sha256_of([json.dumps(kept, sort_keys=True, ensure_ascii=False).encode()])
