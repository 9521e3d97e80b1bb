"""The tuned model, given the test rows as they are."""

from __future__ import annotations

from typing import ClassVar

from luthier.evaluation.arms import arms
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome
from luthier.evaluation.tasks import tasks


@arms.add
class Tuned:
    """What the verdict is about."""

    tasks: ClassVar[frozenset[str]] = frozenset()
    standing: ClassVar[Standing] = "tuned"
    words: ClassVar[str] = "the tuned model"

    def missing(self, bench: Bench) -> str:
        del bench
        return ""

    def outcomes(self, bench: Bench) -> list[Outcome]:
        return tasks.get(bench.frame.task)().tuned(bench)
