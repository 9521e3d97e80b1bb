"""The tuned model's vectors, cut to the shortest that was trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from luthier.evaluation.arms import arms
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.metrics import metrics
from luthier.evaluation.outcome import Outcome
from luthier.evaluation.tasks import tasks
from luthier.objectives import Shortening


@arms.add
class Short:
    """What is lost by keeping fewer numbers of every vector; lengths between the shortest and the
    longest are told beside it."""

    tasks: ClassVar[frozenset[str]] = frozenset({"search", "number"})
    standing: ClassVar[Standing] = "variant"
    words: ClassVar[str] = "the tuned model's vectors, cut"

    def missing(self, bench: Bench) -> str | None:
        return "" if len(_sizes(bench)) > 1 else None

    def outcomes(self, bench: Bench) -> list[Outcome]:
        longest, *others, shortest = _sizes(bench)
        metric = metrics.get(bench.metric)()
        between = {
            size: float(metric.reduce(metric.table(_cut(bench, size), bench.frame).sum(0)))
            for size in others
        }
        told = "".join(f", {size} numbers: {value:.3f}" for size, value in between.items())
        bench.notes["short"] = {
            "what": f"the tuned model's vectors, cut to {shortest} of {longest} numbers{told}",
            "between": between,
        }
        return _cut(bench, shortest)


def _sizes(bench: Bench) -> Sequence[int]:
    """Trained lengths, the longest first."""
    objective = bench.subject.objective
    found = objective.dimensions if isinstance(objective, Shortening) else ()
    return sorted(found, reverse=True)


def _cut(bench: Bench, size: int) -> list[Outcome]:
    """What the tuned model does with the first `size` numbers of its vectors."""
    bundle = bench.subject.bundle
    cut = replace(bundle, vectors=replace(bundle.vectors, num_kept=size))
    subject = replace(bench.subject, bundle=cut)
    return tasks.get(bench.frame.task)().tuned(replace(bench, subject=subject))
