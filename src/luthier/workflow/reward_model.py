"""A finished run that learned from preferences, lent to graders as a judge of answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from luthier.core.errors import DataError, RecipeError
from luthier.data.batches import micro_batches
from luthier.data.features import Features, flatten
from luthier.data.rows import Message, Origin, Preference
from luthier.evaluation.judging import within_context
from luthier.graders.contract import Answer, Rate
from luthier.models.bundle import Bundle
from luthier.objectives import Objective, Scorer
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
    def rate(answers: Sequence[Answer]) -> list[float | str]:
        found: dict[int, float | str] = {}
        features: dict[int, Features] = {}
        for at, item in enumerate(answers):
            read = _read(bundle, objective, item, index=at)
            if isinstance(read, str):
                found[at] = read
            else:
                features[at] = read
        places, lengths = list(features), [item.num_tokens for item in features.values()]
        device = next(bundle.model.parameters()).device
        for rows in micro_batches(lengths, max_tokens=max([PACK_TOKENS, *lengths])):
            batch = flatten([features[places[row]] for row in rows]).to(device)
            scores = objective.outputs(bundle, batch)[:, 0].tolist()
            found |= dict(zip([places[row] for row in rows], scores, strict=True))
        return [found[at] for at in range(len(answers))]

    return rate


def _read(bundle: Bundle, objective: Objective, item: Answer, *, index: int) -> Features | str:
    """The answer as tokens, or why the model cannot be given it as it was written."""
    row = _beside_another(item)
    try:
        return within_context(bundle, objective, row, index=index).parts()[0]
    except DataError as error:  # its advice is for rows to learn from
        told = str(error).removeprefix(f"{row.origin}: ").partition("\n")[0]
        return f"the reward model cannot read it: {told.partition('. ')[0]}"


def _beside_another(item: Answer) -> Preference:
    """The answer as the model knows answers: as the first of a pair, whose second goes unread."""
    return Preference(
        origin=_origin(item),
        messages=item.messages,
        chosen=(Message("assistant", item.completion),),
        rejected=(Message("assistant", f"{item.completion} ."),),
    )


def _origin(item: Answer) -> Origin:
    for counted in ("line", "row"):
        file, _, number = item.origin.rpartition(f" {counted} ")
        if number.isdecimal():
            return Origin(file, int(number), counted=counted)
    return Origin(item.origin or "answer", 1)
