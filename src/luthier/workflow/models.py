"""Models at hand: the aliases, and what is in the cache."""

from __future__ import annotations

from typing import Any

from luthier.models.facts import facts_in
from luthier.models.sources import aliases, cached, fetch


def listing() -> list[dict[str, Any]]:
    """Every alias: what it stands for, and whether it is on this machine."""
    return [
        {"name": name, "reference": reference, "cached": cached(name)}
        for name, reference in aliases().items()
    ]


def fetch_model(reference: str) -> dict[str, Any]:
    """Bring a model to this machine and say what it is.

    Raises: ModelError: unknown, unreachable, or not usable.
    """
    source = fetch(reference)
    facts = facts_in(source.folder)
    return {
        "reference": reference,
        "folder": str(source.folder),
        "sha256": source.sha256,
        "license": source.license,
        "architecture": facts.architecture,
        "num_parameters": facts.num_parameters,
        "context_length": facts.context_length,
    }
