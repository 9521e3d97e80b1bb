"""How an embedder makes vectors, beside the files of its model, and back."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from luthier.core.errors import ParityError
from luthier.models import vectors
from luthier.models.bundle import Bundle
from luthier.models.vectors import Vectors


def write(bundle: Bundle, folder: Path) -> None:
    """Pooling and what follows it, so that sentence-transformers opens the folder too.

    Raises: ParityError: read again, they give other vectors.
    """
    if bundle.kind != "embedder":
        return
    width, ours = bundle.facts.hidden_size, bundle.vectors
    limit = min(bundle.facts.context_length, bundle.codec.max_length)
    vectors.write(ours, folder, width=width, max_length=limit)
    read = vectors.read(folder, writes=False)
    if read.pooling != ours.pooling or not torch.equal(_tried(read, width), _tried(ours, width)):
        raise ParityError(
            f"{folder}: the layers behind the pooling are not those that were written. "
            "No files were kept."
        )


def load(bundle: Bundle, folder: Path) -> None:
    """What `write` left in the folder."""
    if bundle.kind == "embedder":
        bundle.vectors = vectors.read(folder, writes=False)


def _tried(made: Vectors, width: int) -> Tensor:
    """A vector, and scores of classes where there are any."""
    vector_1D = made(torch.linspace(-1, 1, width)[None], (1,))
    return vector_1D if made.head is None else made.head(vector_1D)
