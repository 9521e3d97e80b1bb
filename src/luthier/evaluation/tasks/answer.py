"""`answer`: writing the last assistant turn of conversations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from luthier.data.rows import Chat, Message, Row
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.bench import Bench
from luthier.evaluation.likelihood import row_nlls
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.tasks import tasks
from luthier.evaluation.text import normalised
from luthier.generation import generate
from luthier.models.bundle import Bundle

MAX_CLASSES = 60
MAX_CLASS_WORDS = 6
MIN_ROWS_PER_CLASS = 3


@tasks.add
class Answer:
    """Answers are written greedily, and their likelihood is measured."""

    row: ClassVar[type[Row]] = Chat

    def metric(self, frame: Frame) -> tuple[str, str]:
        if frame.is_json:
            return "json_fields", "every target is a JSON object"
        if frame.classes:
            return "exact_match", f"targets are {len(frame.classes)} short texts, like labels"
        if max(len(target.split()) for target in frame.targets) <= 8:
            return "exact_match", "targets are short"
        return "nll", "targets are long free text, where wording alone proves little"

    def classes(self, train: Sequence[Row], labels: Sequence[str]) -> tuple[str, ...]:
        del labels
        targets = [row.target() for row in train]
        names = {normalised(target): target.strip() for target in reversed(targets)}
        is_few = 2 <= len(names) <= min(MAX_CLASSES, len(targets) // MIN_ROWS_PER_CLASS)
        is_short = all(len(name.split()) <= MAX_CLASS_WORDS for name in names)
        return tuple(names[key] for key in sorted(names)) if is_few and is_short else ()

    def missing_base(self, bench: Bench) -> str:
        del bench
        return ""

    def base(self, bench: Bench) -> list[Outcome]:
        with bench.subject.base() as bundle:
            return answers(bundle, bench, arm="base", rewrite=as_they_are, with_nll=True)

    def tuned(self, bench: Bench) -> list[Outcome]:
        bundle = bench.subject.bundle
        return answers(bundle, bench, arm="tuned", rewrite=as_they_are, with_nll=True)

    def predictions(self, answerer: Answerer, rows: Sequence[Row]) -> list[dict[str, Any]]:
        bundle = answerer.bundle
        chats = [row for row in rows if isinstance(row, Chat)]
        prompts = [bundle.codec.prompt(row.prompt(), row) for row in chats]
        found = generate(bundle, prompts, max_new_tokens=answerer.max_new_tokens)
        return [{"answer": item.text, "finished": item.finished} for item in found]


Rewrite = Callable[[Chat], tuple[Message, ...]]
"""The messages the model is given for a row, without the answer."""


def as_they_are(row: Chat) -> tuple[Message, ...]:
    """No help beyond what the row itself holds."""
    return row.prompt()


def answers(
    bundle: Bundle, bench: Bench, *, arm: str, rewrite: Rewrite, with_nll: bool
) -> list[Outcome]:
    """One outcome per row: the greedy answer to the rewritten messages, and the target's NLL."""
    rows = [row for row in bench.rows if isinstance(row, Chat)]
    asked = rows[: bench.num_written]
    prompts = [bundle.codec.prompt(rewrite(row), row) for row in asked]
    completions = generate(
        bundle, prompts, max_new_tokens=bench.max_new_tokens, on_progress=bench.progress(arm)
    )
    nlls = [(math.nan, 0.0)] * len(rows)
    if with_nll:
        rewritten = [_with_answer(row, rewrite(row)) for row in rows]
        nlls = row_nlls(bundle, bench.subject.objective, rewritten)
    found: list[Outcome] = []
    for index, (row, (nll, tokens)) in enumerate(zip(rows, nlls, strict=True)):
        outcome = Outcome(index, row.answer(), has_text=False, nll=nll, tokens=tokens)
        if index < len(completions):
            item = completions[index]
            outcome = replace(outcome, text=item.text, has_text=True, seconds=item.seconds)
        found.append(outcome)
    return found


def _with_answer(row: Chat, prompt: tuple[Message, ...]) -> Chat:
    return replace(row, messages=(*prompt, row.messages[-1]))
