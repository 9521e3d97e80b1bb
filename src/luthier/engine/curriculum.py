"""Which training rows are easy: the short ones, or those that the model does well before it is
trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from luthier.core import files
from luthier.core.errors import RecipeError
from luthier.data.features_on_disk import columns_of
from luthier.engine.accumulate import roles
from luthier.engine.job import Job
from luthier.engine.optimizer import device_of
from luthier.objectives import Explorer

Tell = Callable[[int, int], None]
_EVERY = 64


def easy_first(
    job: Job, by: Literal["random", "length", "loss"], path: Path, *, tell: Tell
) -> list[int]:
    """Places of all training rows, the easiest first; empty for "random".

    Args: path: where losses are kept, so that a run that goes on has those it began with.
    Raises: RecipeError: rows have no loss of their own.
    """
    if by == "random":
        return []
    if by == "length":
        return sorted_by(columns_of(job.train).tokens)
    return sorted_by(_losses(job, path, tell))


def sorted_by(difficulty: Sequence[float]) -> list[int]:
    """Places from the smallest number on; equal ones stay in their order, and nan comes last."""
    return np.argsort(np.asarray(difficulty), kind="stable").tolist()


def _losses(job: Job, path: Path, tell: Tell) -> list[float]:
    identity = files.sha256_of(
        [f"{key}={job.identity[key]}".encode() for key in sorted(job.identity)]
    )
    known = files.read_json(path) if path.is_file() else {}
    if known.get("identity") == identity and len(known["losses"]) == len(job.train):
        return known["losses"]
    if isinstance(job.objective, Explorer) or not job.objective.additive:
        raise RecipeError(
            "recipe training.order: got 'loss', but with this objective a row has no loss of its "
            "own: it learns from what the model writes, or compares the rows of a batch. Use "
            "'length' or 'random'"
        )
    found = _measured(job, tell)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(path, {"identity": identity, "losses": found})
    return found


@torch.no_grad()
def _measured(job: Job, tell: Tell) -> list[float]:
    """The loss of each row, in what the objective counts."""
    was_training = job.bundle.model.training
    job.bundle.model.eval()
    found: list[float] = []
    for number, item in enumerate(job.train, start=1):
        batch = job.objective.collate([item]).to(device_of(job))
        loss = job.objective.loss(roles(job), batch)
        # a row in which nothing counts is the easiest
        found.append(float(loss.sum / loss.count.clamp_min(1e-12)))
        if number % _EVERY == 0:
            tell(number, len(job.train))
    job.bundle.model.train(was_training)
    return found
