"""The tuned model, given the test rows as they are."""

from __future__ import annotations

from typing import ClassVar

from luthier.evaluation.arms import arms
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome, Task
from luthier.evaluation.tasks.answer import answers, as_they_are
from luthier.evaluation.tasks.label import labels
from luthier.evaluation.tasks.read import readings


@arms.add
class Tuned:
    """What the verdict is about."""

    tasks: ClassVar[frozenset[Task]] = frozenset({"answer", "label", "read"})
    standing: ClassVar[Standing] = "tuned"
    words: ClassVar[str] = "the tuned model"

    def missing(self, bench: Bench) -> str:
        del bench
        return ""

    def outcomes(self, bench: Bench) -> list[Outcome]:
        subject = bench.subject
        if bench.frame.task == "label":
            tell = bench.progress("tuned")
            return labels(subject.bundle, subject.objective, bench.rows, tell=tell)
        if bench.frame.task == "read":
            return readings(subject.bundle, bench)
        return answers(subject.bundle, bench, arm="tuned", rewrite=as_they_are, with_nll=True)
