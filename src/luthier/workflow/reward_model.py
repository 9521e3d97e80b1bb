"""A finished run that learned from preferences, lent to graders as a judge of answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from luthier.core.errors import RecipeError
from luthier.data.batches import micro_batches
from luthier.data.rows import Preference
from luthier.evaluation.judging import within_context
from luthier.graders.contract import Compare
from luthier.objectives import Scorer
from luthier.workflow.run import Run

PACK_TOKENS = 2048


def reward_model(path: Path) -> Compare:
    """Scores of both answers of pairs, by the model of the run in `path`.

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
    def compare(pairs: Sequence[Preference]) -> list[tuple[float, float]]:
        features = [
            within_context(bundle, objective, row, index=at) for at, row in enumerate(pairs)
        ]
        lengths = [item.num_tokens for item in features]
        device = next(bundle.model.parameters()).device
        found: dict[int, tuple[float, float]] = {}
        for rows in micro_batches(lengths, max_tokens=max(PACK_TOKENS, *lengths)):
            batch = objective.collate([features[row] for row in rows]).to(device)
            scores = objective.outputs(bundle, batch).tolist()
            found |= {
                row: (first, second) for row, (first, second) in zip(rows, scores, strict=True)
            }
        return [found[row] for row in range(len(pairs))]

    return compare
