"""Models that need no weights, for what asks models: one writes politely, one knows letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from luthier.data.assisted import Reply, Writer
from luthier.data.embedder import Embedder


class Polite:
    """Says each text again with "please" before it; texts with the same letters are alike."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def writer(self) -> Writer:
        return lambda asked: [Reply(f"please {text.rpartition(chr(10))[2]}") for text in asked]

    def embedder(self, reference: str) -> Embedder:
        return Embedder(f"letters for {reference}", True, _letters)

    def note(self, text: str) -> None:
        self.said.append(text)


def _letters(texts: Sequence[str]) -> NDArray[np.float32]:
    counts = [Counter(text.lower()) for text in texts]
    rows = [[float(count[letter]) for letter in "abcdefghijklmnopqrstuvwxyz"] for count in counts]
    return np.array(rows, np.float32).reshape(-1, 26)
