"""The same model before training, given the test rows as they are."""

from __future__ import annotations

from typing import ClassVar

from luthier.evaluation.arms import arms
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome
from luthier.evaluation.tasks import tasks
from luthier.models.quantised import quantised_layers


@arms.add
class Base:
    """A language model answers as it is; a model whose head was never trained gets help, so that
    it is a fair opponent (see the task)."""

    tasks: ClassVar[frozenset[str]] = frozenset()
    standing: ClassVar[Standing] = "untrained"
    words: ClassVar[str] = "the same model without training"

    def missing(self, bench: Bench) -> str:
        if not bench.subject.has_base:
            return "the base model is not at hand"
        return tasks.get(bench.frame.task)().missing_base(bench)

    def outcomes(self, bench: Bench) -> list[Outcome]:
        found = tasks.get(bench.frame.task)().base(bench)
        if bench.subject.tuner.keeps_base and quantised_layers(bench.subject.bundle.model):
            note = bench.notes.setdefault("base", {})
            note["what"] = f"{note.get('what', self.words)}, stored in few bits as in training"
        return found
