"""Models at hand: the aliases, and what is in the cache."""

from __future__ import annotations

from typing import Any

from luthier.models import cache
from luthier.models.blueprint import blueprint
from luthier.models.sources import aliases, fetch


def listing() -> list[dict[str, Any]]:
    """Every alias with what it stands for, then every folder of the cache."""
    named = [{"name": name, "reference": place} for name, place in aliases().items()]
    root = cache.root() / "models"
    kept = [path for path in sorted(root.iterdir()) if path.is_dir()] if root.is_dir() else []
    return named + [{"name": path.name, "reference": str(path)} for path in kept]


def fetch_model(reference: str) -> dict[str, Any]:
    """Bring a model to this machine and say what it is.

    Raises: ModelError: unknown, unreachable, or not usable.
    """
    source = fetch(reference)
    facts = blueprint(source.folder).facts
    return {
        "reference": reference,
        "folder": str(source.folder),
        "sha256": source.sha256,
        "license": source.license,
        "architecture": facts.architecture,
        "num_parameters": facts.num_parameters,
        "context_length": facts.context_length,
    }
