"""`read`: predicting running text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from luthier.core.errors import RecipeError
from luthier.data.rows import Row, Text
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.bench import Bench
from luthier.evaluation.likelihood import row_nlls
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.tasks import tasks
from luthier.models.bundle import Bundle


@tasks.add
class Read:
    """Nothing is written; the likelihood of the text is measured."""

    row: ClassVar[type[Row]] = Text

    def metric(self, frame: Frame) -> tuple[str, str]:
        del frame
        return "nll", "running text has no single right answer"

    def classes(self, train: Sequence[Row], labels: Sequence[str]) -> tuple[str, ...]:
        del train, labels
        return ()

    def missing_base(self, bench: Bench) -> str:
        del bench
        return ""

    def base(self, bench: Bench) -> list[Outcome]:
        with bench.subject.base() as bundle:
            return _readings(bundle, bench)

    def tuned(self, bench: Bench) -> list[Outcome]:
        return _readings(bench.subject.bundle, bench)

    def predictions(self, answerer: Answerer, rows: Sequence[Row]) -> list[dict[str, Any]]:
        del answerer, rows
        raise RecipeError(
            "predict: this run learned running text, in which nothing is asked and nothing "
            "answered.\n    Let it write on with luthier chat, or train with an objective that "
            "answers, such as sft or classify"
        )


def _readings(bundle: Bundle, bench: Bench) -> list[Outcome]:
    """The NLL of each row's text."""
    nlls = row_nlls(bundle, bench.subject.objective, bench.rows)
    return [
        Outcome(index, "", has_text=False, nll=nll, tokens=tokens)
        for index, (nll, tokens) in enumerate(nlls)
    ]
