"""Every word gets the tag it most often has in the training rows: names that were seen before."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from luthier.data.rows import Tagged
from luthier.evaluation.arms import arms
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome


@arms.add
class Lookup:
    """Words not seen before are outside. An I that continues nothing is read as a beginning, as
    the metric does."""

    tasks: ClassVar[frozenset[str]] = frozenset({"entities"})
    standing: ClassVar[Standing] = "rival"
    words: ClassVar[str] = "giving every word its most frequent training tag"

    def missing(self, bench: Bench) -> str:
        return "" if bench.subject.train else "there are no training rows"

    def outcomes(self, bench: Bench) -> list[Outcome]:
        counts: dict[str, Counter[str]] = {}
        for row in bench.subject.train:
            assert isinstance(row, Tagged)
            for word, tag in zip(row.tokens, row.tags, strict=True):
                counts.setdefault(word, Counter())[tag] += 1
        usual = {word: _most(found) for word, found in counts.items()}
        answers: list[Outcome] = []
        for index, row in enumerate(bench.rows):
            assert isinstance(row, Tagged)
            tags = " ".join(usual.get(word, "O") for word in row.tokens)
            answers.append(Outcome(index, row.target(), tags))
        return answers


def _most(found: Counter[str]) -> str:
    """The most frequent tag; of several the first in the alphabet."""
    return min(found, key=lambda tag: (-found[tag], tag))
