"""Targets that can be told from what should say nothing: the length of a text, or its file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from luthier.data.checks import checks
from luthier.data.checks.contract import Finding
from luthier.data.rows import Row

_BINS = 10
_GAINS = 0.5
"""Of the errors that the most frequent class makes, so many must be gone."""
_LEAST_ROWS = 50


@checks.add
class Shortcuts:
    """Guesses the class of half of the rows from one such property, learned on the others."""

    def look(self, rows: Sequence[Row]) -> Iterator[Finding]:
        """One finding for each property that tells most classes."""
        classes = [row.stratum() for row in rows]
        if len(set(classes)) < 2 or len(rows) < _LEAST_ROWS:
            return
        lengths = np.array([len(row.given()) for row in rows])
        cuts = np.quantile(lengths, np.linspace(0, 1, _BINS + 1)[1:-1])
        properties = {
            "the length of the text": np.searchsorted(cuts, lengths).astype(str).tolist(),
            "the file it stands in": [row.origin.file for row in rows],
        }
        usual = Counter(classes).most_common(1)[0][1] / len(classes)
        for words, values in properties.items():
            right = _told(values, classes)
            if len(set(values)) > 1 and right - usual > _GAINS * (1 - usual):
                finding = Finding(
                    "shortcuts",
                    f"{words} alone tells {right:.0%} of the labels",
                    "the model learns that instead of the task, and the test does not notice",
                    "collect rows of every label from the same places, of the same lengths",
                    0.2,
                )
                for row, value in zip(rows, values, strict=True):
                    finding.add(row, value)
                yield finding


def _told(values: Sequence[str], classes: Sequence[str]) -> float:
    """Share of one half of the rows whose class those of the other half with their value mostly
    have."""
    known: dict[str, Counter[str]] = defaultdict(Counter)
    drawn: list[int] = np.random.default_rng(0).permutation(len(values)).tolist()
    for at in drawn[::2]:
        known[values[at]][classes[at]] += 1
    guesses = {value: names.most_common(1)[0][0] for value, names in known.items()}
    return float(np.mean([guesses.get(values[at]) == classes[at] for at in drawn[1::2]]))
