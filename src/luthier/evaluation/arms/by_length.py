"""The longer answer, or the shorter one: what length alone tells of preferences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from luthier.data.rows import Message, Preference, Row
from luthier.evaluation.arms import arms
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome
from luthier.evaluation.tasks.prefer import outcomes


@arms.add
class ByLength:
    """Whichever of the two was chosen more often in the training rows."""

    tasks: ClassVar[frozenset[str]] = frozenset({"prefer"})
    standing: ClassVar[Standing] = "rival"
    words: ClassVar[str] = "always preferring the longer answer (or the shorter one)"

    def missing(self, bench: Bench) -> str:
        del bench
        return ""

    def outcomes(self, bench: Bench) -> list[Outcome]:
        wins = [_longer(row) > 0 for row in bench.subject.train if _longer(row)]
        prefers_longer = not wins or 2 * sum(wins) >= len(wins)
        which = "longer" if prefers_longer else "shorter"
        bench.notes["by_length"] = {"what": f"always preferring the {which} answer"}
        sign = 1 if prefers_longer else -1
        # in units of a hundred characters, so that margins read like those of models
        return outcomes(np.array([sign * _longer(row) / 100 for row in bench.rows]))


def _longer(row: Row) -> int:
    """By how many characters the chosen answer is longer."""
    assert isinstance(row, Preference)
    return _length(row.chosen) - _length(row.rejected)


def _length(turns: Sequence[Message]) -> int:
    return sum(len(turn.content) for turn in turns if turn.role == "assistant")
