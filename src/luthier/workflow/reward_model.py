"""A finished run that learned from preferences, lent to graders as a judge of answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from luthier.core.errors import RecipeError
from luthier.data.batches import micro_batches
from luthier.data.features import flatten
from luthier.data.rows import Message, Origin, Preference
from luthier.evaluation.judging import within_context
from luthier.graders.contract import Answer, Rate
from luthier.objectives import Scorer
from luthier.workflow.run import Run

PACK_TOKENS = 2048


def reward_model(path: Path) -> Rate:
    """Scores of answers by the model of the run in `path`.

    Raises: RunError: no such run. RecipeError: it scores no answers.
    """
    run = Run(path)
    objective = run.objective
    judges = objective.row is Preference and "sequence_classifier" in objective.kinds
    if not (judges and isinstance(objective, Scorer)):
        raise RecipeError(
            f"{path}: objective '{run.recipe.objective['name']}' gives answers no score. Train a "
            "reward model on preferred and rejected answers: luthier train FILE objective=reward"
        )
    bundle = run.bundle

    @torch.no_grad()
    def rate(answers: Sequence[Answer]) -> list[float]:
        features = [
            within_context(bundle, objective, _beside_another(item), index=at).parts()[0]
            for at, item in enumerate(answers)
        ]
        lengths = [item.num_tokens for item in features]
        device = next(bundle.model.parameters()).device
        found: dict[int, float] = {}
        for rows in micro_batches(lengths, max_tokens=max([PACK_TOKENS, *lengths])):
            batch = flatten([features[row] for row in rows]).to(device)
            scores = objective.outputs(bundle, batch)[:, 0].tolist()
            found |= dict(zip(rows, scores, strict=True))
        return [found[row] for row in range(len(answers))]

    return rate


def _beside_another(item: Answer) -> Preference:
    """The answer as the model knows answers: as the first of a pair, whose second goes unread."""
    return Preference(
        origin=Origin(item.origin or "answer", 1),
        messages=item.messages,
        chosen=(Message("assistant", item.completion),),
        rejected=(Message("assistant", f"{item.completion} ."),),
    )
