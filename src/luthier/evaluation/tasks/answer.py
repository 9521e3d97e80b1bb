"""Writing the last assistant turn of conversations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from luthier.core.events import Notice
from luthier.data.rows import Chat, Message
from luthier.evaluation.bench import Bench
from luthier.evaluation.likelihood import row_nlls
from luthier.evaluation.outcome import Outcome
from luthier.generation import generate
from luthier.models.bundle import Bundle

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
    num_notes = len(bundle.notes)
    completions = generate(
        bundle, prompts, max_new_tokens=bench.max_new_tokens, on_progress=bench.progress(arm)
    )
    for note in bundle.notes[num_notes:]:
        bench.tell(Notice(note))
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
