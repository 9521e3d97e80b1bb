"""Which model gives vectors of the rows that are checked, and how."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from luthier.data.points.embedded import by_words
from luthier.data.points.embedder import Embedder
from luthier.engine.precision import choose, dtype_of
from luthier.evaluation.tasks.search import vectors_of
from luthier.models import packages, trunks
from luthier.models.load import open_model
from luthier.models.sources import aliases
from luthier.workflow.device import device_name
from luthier.workflow.reader import Found
from luthier.workflow.stages import Stages

ENCODER = "minilm-l6"
"""Taken where the model itself is none, if it is on this disk."""


def embedder_for(found: Found, stages: Stages) -> Embedder:
    """The model itself where it is an encoder, else a small one that is at hand, else words."""
    is_encoder = "embedder" in found.blueprint.kinds and not found.blueprint.can_generate
    if is_encoder:
        return embedder_of(found.source.reference, stages)
    return small_embedder(stages, f", since {found.source.reference} is no encoder")


def small_embedder(stages: Stages, since: str = "") -> Embedder:
    """One that is at hand, else words; which it is, is said. Args: since: why it is looked for."""
    if packages.is_here(aliases()[ENCODER].removeprefix("pypi:")):
        stages.note(f"vectors of rows: {ENCODER}{since}")
        return embedder_of(ENCODER, stages)
    why = f"{since}, and" if since else ", since"
    stages.note(
        f"vectors of rows: of their words{why} {ENCODER} is not here (luthier models fetch "
        f"{ENCODER})"
    )
    return by_words()


def embedder_of(reference: str, stages: Stages) -> Embedder:
    """This encoder, opened when it is asked for its first vector."""

    def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
        device = device_name()
        dtype = dtype_of(choose(device)[0])
        bundle = open_model(reference, kinds=frozenset({"embedder"}), dtype=dtype, device=device)
        bundle.trunk = trunks.build(bundle.model, bundle.kind, prefer="auto", compute_dtype=dtype)
        return vectors_of(
            bundle,
            texts,
            tell=lambda done, total: stages.progress("embedding", done, total, "rows"),
        )

    return Embedder(reference, True, vectors)
