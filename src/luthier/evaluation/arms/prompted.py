"""The same model before training, with a good system prompt."""

from __future__ import annotations

from typing import ClassVar

from luthier.data.rows import Chat, Message
from luthier.evaluation.arms import arms
from luthier.evaluation.arms._help import help_for, needs_nll, with_system
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome
from luthier.evaluation.tasks.answer import answers


@arms.add
class Prompted:
    """System prompt: the rows' own, if any, followed by the user's instruction or by one written
    from the shape of the training answers (keys and values of JSON, names of classes, length)."""

    tasks: ClassVar[frozenset[str]] = frozenset({"answer"})
    standing: ClassVar[Standing] = "untrained"
    words: ClassVar[str] = "the same model with a careful instruction"

    def missing(self, bench: Bench) -> str:
        return "" if bench.subject.has_base else "the base model is not at hand"

    def outcomes(self, bench: Bench) -> list[Outcome]:
        instruction = help_for(bench)
        bench.notes["prompted"] = {"instruction": instruction}

        def rewrite(row: Chat) -> tuple[Message, ...]:
            return with_system(row.prompt(), instruction)

        with bench.subject.base() as bundle:
            return answers(
                bundle, bench, arm="prompted", rewrite=rewrite, with_nll=needs_nll(bench)
            )
