"""The same model before training, with an instruction and examples from the training rows."""

from __future__ import annotations

from typing import ClassVar

from luthier.data.rows import Chat, Message
from luthier.evaluation.arms import arms
from luthier.evaluation.arms._help import (
    help_for,
    longest_prompt,
    needs_nll,
    with_shots,
    with_system,
)
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome
from luthier.evaluation.shots import choose_shots
from luthier.evaluation.tasks.answer import answers
from luthier.models.bundle import Bundle


@arms.add
class FewShot:
    """Examples are taken from the training rows only, the same for every test row, and shown as
    earlier turns of the conversation. As many as fit in half of the context."""

    tasks: ClassVar[frozenset[str]] = frozenset({"answer"})
    standing: ClassVar[Standing] = "untrained"
    words: ClassVar[str] = "the same model with an instruction and examples"

    def missing(self, bench: Bench) -> str:
        if not bench.subject.has_base:
            return "the base model is not at hand"
        if not self._shots(bench):
            return "no single-exchange training row fits into its context as an example"
        return ""

    def outcomes(self, bench: Bench) -> list[Outcome]:
        instruction, shots = help_for(bench), self._shots(bench)
        bench.notes["few_shot"] = {
            "instruction": instruction,
            "examples": [
                {"row": str(shot.origin), "input": shot.given(), "answer": shot.answer()}
                for shot in shots
            ],
        }

        def rewrite(row: Chat) -> tuple[Message, ...]:
            return with_shots(with_system(row.prompt(), instruction), shots)

        with bench.subject.base() as bundle:
            return answers(
                bundle, bench, arm="few_shot", rewrite=rewrite, with_nll=needs_nll(bench)
            )

    def _shots(self, bench: Bench) -> list[Chat]:
        train = [row for row in bench.subject.train if isinstance(row, Chat)]
        shots = choose_shots(train, num_shots=bench.num_shots)
        while shots and not _fits(bench.subject.bundle, bench, shots):
            shots.pop()
        return shots


def _fits(bundle: Bundle, bench: Bench, shots: list[Chat]) -> bool:
    rows = [row for row in bench.rows if isinstance(row, Chat)]
    context = bundle.facts.context_length
    plain = longest_prompt(bundle, rows, [], help_for(bench))
    helped = longest_prompt(bundle, rows, shots, help_for(bench))
    return helped + bench.max_new_tokens <= context and helped - plain <= context // 2
