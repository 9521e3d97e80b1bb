"""How an embedder makes vectors, beside the files of its model, and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from luthier.core.errors import ParityError
from luthier.models import vectors
from luthier.models.bundle import Bundle
from luthier.models.vectors import Dense, Vectors


def write(bundle: Bundle, folder: Path) -> None:
    """Pooling and what follows it, so that sentence-transformers opens the folder too.

    Raises: ParityError: read again, they are others.
    """
    if bundle.kind != "embedder":
        return
    width, ours = bundle.facts.hidden_size, bundle.vectors
    limit = min(bundle.facts.context_length, bundle.codec.max_length)
    vectors.write(ours, folder, width=width, max_length=limit)
    read = vectors.read(folder, writes=False)
    if read.pooling != ours.pooling or not _are_same(_layers(read), _layers(ours)):
        raise ParityError(
            f"{folder}: the layers behind the pooling are not those that were written. "
            "No files were kept."
        )


def load(bundle: Bundle, folder: Path) -> None:
    """What `write` left in the folder."""
    if bundle.kind == "embedder":
        bundle.vectors = vectors.read(folder, writes=False)


def _layers(made: Vectors) -> list[Dense | None]:
    return [*made.then, made.head]


def _are_same(ours: Sequence[Dense | None], theirs: Sequence[Dense | None]) -> bool:
    """Number by number: what they give may differ, by where they lie in memory."""
    return len(ours) == len(theirs) and all(map(_is_same, ours, theirs))


def _is_same(our: Dense | None, their: Dense | None) -> bool:
    if our is None or their is None:
        return our is their
    tensors = _is_equal(our.weight, their.weight) and _is_equal(our.bias, their.bias)
    return tensors and our.activation == their.activation


def _is_equal(our: Tensor | None, their: Tensor | None) -> bool:
    if our is None or their is None:
        return our is their
    return torch.equal(our.cpu(), their.cpu())
