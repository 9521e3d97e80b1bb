"""What `luthier train` would do: resolved recipe, rendered rows, and a trial of some seconds."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from luthier.core import files
from luthier.recipe.resolve import Settled
from luthier.recipe.schema import Recipe
from luthier.run.layout import FORMAT_VERSION, Layout
from luthier.workflow.inputs import gather
from luthier.workflow.options import spell_out
from luthier.workflow.prepared import prepare
from luthier.workflow.stages import Listener, Stages, silent


def plan(
    recipe: Recipe, origins: Mapping[str, str] | None = None, *, on_event: Listener = silent
) -> dict[str, Any]:
    """Everything known before step 1; leaves nothing on disk.

    Returns: {"recipe", "origins", "data", "ledger", "samples", "model", "preflight", "notes"}.
    Raises: LuthierError: whatever would stop `train` before its first step.
    """
    settled, stages = Settled(recipe, dict(origins or {})), Stages(on_event)
    spell_out(settled)
    inputs = gather(settled, stages)
    with tempfile.TemporaryDirectory(prefix="luthier-plan-") as folder:
        layout = Layout(Path(folder))
        prepared = prepare(settled, inputs, layout, stages)
        preflight = files.read_json(layout.preflight)
    document = settled.document()
    facts = prepared.bundle.facts
    return {
        "format_version": FORMAT_VERSION,
        "recipe": document["recipe"],
        "origins": document["origins"],
        "data": inputs.loaded.description,
        "ledger": inputs.ledger_document(),
        "samples": inputs.samples,
        "model": {
            "reference": inputs.source.reference,
            "license": inputs.source.license,
            "architecture": facts.architecture,
            "num_parameters": facts.num_parameters,
            "weight_bytes": facts.weight_bytes,
            "trunk_flops_per_token": facts.flops_per_token(
                trained_weights=prepared.tuner.moves_base
            ),
            "trunk": prepared.bundle.trunk.name,
            "trained_parameters": sum(
                p.numel() for p in prepared.bundle.model.parameters() if p.requires_grad
            ),
        },
        "preflight": preflight,
        "notes": stages.notes,
    }
