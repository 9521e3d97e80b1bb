"""Models at hand: the aliases, and what is in the cache."""

from __future__ import annotations

from typing import Any

from luthier.core import cache
from luthier.models import packages
from luthier.models.blueprint import blueprint
from luthier.models.sources import aliases, fetch
from luthier.workflow.stages import Listener, Stages, silent


def listing() -> list[dict[str, Any]]:
    """Every alias with what it stands for and whether it needs no network, then the cache."""
    named = [
        {
            "name": name,
            "reference": place,
            "cached": packages.is_here(place.removeprefix("pypi:")),
        }
        for name, place in aliases().items()
    ]
    root = cache.root() / "models"
    kept = sorted(path.parent for path in root.glob(f"[!.]*/{cache.MANIFEST}"))
    return named + [{"name": path.name, "reference": str(path), "cached": True} for path in kept]


def fetch_model(reference: str, *, on_event: Listener = silent) -> dict[str, Any]:
    """Bring a model to this machine and say what it is.

    Raises: ModelError: unknown, unreachable, or not usable.
    """
    stages = Stages(on_event)
    with stages.stage("fetching model", reference):
        source = fetch(reference)
    facts = blueprint(source.folder).facts
    return {
        "reference": reference,
        "folder": str(source.folder),
        "sha256": source.sha256,
        "license": source.license,
        "architecture": facts.architecture,
        "num_parameters": facts.num_parameters,
        "weight_bytes": facts.weight_bytes,
        "trunk_flops_per_token_adapter": int(facts.flops_per_token(trained_weights=False)),
        "trunk_flops_per_token_full": int(facts.flops_per_token(trained_weights=True)),
        "context_length": facts.context_length,
    }
