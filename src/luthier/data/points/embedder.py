"""A way to vectors of texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Embedder:
    """How texts become vectors."""

    by: str
    """Its name for people."""
    is_learned: bool
    """It knows words that mean the same; False: words are only counted."""
    vectors: Callable[[Sequence[str]], NDArray[np.float32]]
    """Of texts (N, D)."""

    def of_length_one(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The same, each divided by its length; 0 where nothing is known of a text."""
        vectors_ND = self.vectors(texts)
        lengths_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
        return vectors_ND / np.maximum(lengths_N1, np.finfo(np.float32).tiny)
