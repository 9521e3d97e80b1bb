"""Answers for new rows from a tuned model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luthier.data.rows import Row
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.tasks import task_of, tasks
from luthier.models.bundle import Bundle
from luthier.objectives.contract import Objective, View

MAX_NEW_TOKENS = 512


def predict(
    bundle: Bundle,
    objective: Objective,
    rows: Sequence[Row],
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
    reference: View | None = None,
) -> list[dict[str, Any]]:
    """One answer per row, in order; targets that stand in the rows are not used.

    Args: reference: what the model was trained against, see `Answerer`.
    Returns: what the task of the objective's rows gives: {"answer", "finished"} for conversations;
    {"label", "confidence", "probabilities"} for labels, where confidence is the label's own.
    Raises: RecipeError: the objective trained running text, which has no answers.
    """
    if not rows:
        return []
    task = tasks.get(task_of(rows[0]))()
    return task.predictions(Answerer(bundle, objective, max_new_tokens, reference), rows)
