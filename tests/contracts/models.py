"""Models that need no weights, for what asks models: one writes politely, one knows
letters, one knows Anna and Bob."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from luthier.data.assisted import Finder, Reply, Writer
from luthier.data.points.embedder import Embedder

_NAME = re.compile(r"Anna(?: Schmidt)?|Bob")


class Polite:
    """Says each text again with "please" before it; texts with the same letters are alike."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def writer(self) -> Writer:
        return lambda asked: [Reply(f"please {text.rpartition(chr(10))[2]}") for text in asked]

    def embedder(self, reference: str) -> Embedder:
        return Embedder(f"letters for {reference}", True, _letters)

    def persons(self, reference: str) -> Finder:
        del reference
        return lambda texts: [[found.span() for found in _NAME.finditer(text)] for text in texts]

    def note(self, text: str) -> None:
        self.said.append(text)

    def progress(self, what: str, done: int, total: int) -> None:
        assert 0 < done <= total, what


def _letters(texts: Sequence[str]) -> NDArray[np.float32]:
    counts = [Counter(text.lower()) for text in texts]
    rows = [[float(count[letter]) for letter in "abcdefghijklmnopqrstuvwxyz"] for count in counts]
    return np.array(rows, np.float32).reshape(-1, 26)
