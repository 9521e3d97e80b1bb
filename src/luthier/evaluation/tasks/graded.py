"""`graded`: writing answers that a grader scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from luthier.data.rows import Chat, Prompt, Row
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.tasks import tasks
from luthier.generation import generate
from luthier.models.bundle import Bundle
from luthier.objectives import Explorer


@tasks.add
class Graded:
    """Answers are written greedily and scored by the grader that was learned from."""

    row: ClassVar[type[Row]] = Prompt
    reads: ClassVar[type] = Explorer

    def metric(self, frame: Frame) -> tuple[str, str]:
        del frame
        return "score", "a grader scores the answers"

    def classes(self, train: Sequence[Row], labels: Sequence[str]) -> tuple[str, ...]:
        del train, labels
        return ()

    def missing_base(self, bench: Bench) -> str:
        del bench
        return ""

    def base(self, bench: Bench) -> list[Outcome]:
        with bench.subject.base() as bundle:
            return _outcomes(bundle, bench)

    def tuned(self, bench: Bench) -> list[Outcome]:
        return _outcomes(bench.subject.bundle, bench)

    def predictions(self, answerer: Answerer, rows: Sequence[Row]) -> list[dict[str, Any]]:
        bundle = answerer.bundle
        asked = [row for row in rows if isinstance(row, Prompt)]
        prompts = [
            bundle.codec.prompt(
                row.messages, Chat(origin=row.origin, messages=row.messages, tools=row.tools)
            )
            for row in asked
        ]
        found = generate(bundle, prompts, max_new_tokens=answerer.max_new_tokens)
        return [{"answer": item.text, "finished": item.finished} for item in found]


def _outcomes(bundle: Bundle, bench: Bench) -> list[Outcome]:
    """One outcome per row."""
    objective = bench.subject.objective
    assert isinstance(objective, Explorer)
    features = [objective.prepare(row, bundle.codec, index=at) for at, row in enumerate(bench.rows)]
    answers = objective.answers(bundle, features)
    return [
        Outcome(at, row.target(), said.text, score=score.value, seconds=said.seconds)
        for at, (row, (said, score)) in enumerate(zip(bench.rows, answers, strict=True))
    ]
