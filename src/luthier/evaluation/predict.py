"""Answers for new rows from a tuned model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luthier.core.errors import RecipeError
from luthier.data.rows import Chat, Labeled, Row
from luthier.evaluation.tasks.label import labels
from luthier.generation import generate
from luthier.models.bundle import Bundle
from luthier.objectives.contract import Objective

MAX_NEW_TOKENS = 512


def predict(
    bundle: Bundle,
    objective: Objective,
    rows: Sequence[Row],
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
) -> list[dict[str, Any]]:
    """One answer per row, in order; targets that stand in the rows are not used.

    Returns: {"answer", "finished"} for conversations; {"label", "confidence", "probabilities"} for
    labels, where confidence is the label's own probability.
    Raises: RecipeError: the objective trained running text, which has no answers.
    """
    if not rows:
        return []
    if objective.row is Chat:
        chats = [row for row in rows if isinstance(row, Chat)]
        prompts = [bundle.codec.prompt(row.prompt(), row) for row in chats]
        found = generate(bundle, prompts, max_new_tokens=max_new_tokens)
        return [{"answer": item.text, "finished": item.finished} for item in found]
    if objective.row is Labeled:
        outcomes = labels(bundle, objective, _unlabeled(bundle, rows), tell=_silent)
        return [
            {
                "label": item.text,
                "confidence": max(item.probabilities),
                "probabilities": dict(zip(bundle.labels, item.probabilities, strict=True)),
            }
            for item in outcomes
        ]
    raise RecipeError(
        f"predict: objective on {objective.row.__name__} rows gives no answers; it trained a model"
        " of running text. Use luthier chat, or train with objective sft or classify."
    )


def _unlabeled(bundle: Bundle, rows: Sequence[Row]) -> list[Row]:
    """The same texts with a label the objective knows, so that `prepare` takes them."""
    return [
        Labeled(origin=row.origin, text=row.text, text_pair=row.text_pair, label=bundle.labels[0])
        for row in rows
        if isinstance(row, Labeled)
    ]


def _silent(done: int, total: int) -> None:
    del done, total
