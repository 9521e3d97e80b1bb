"""Where the options of `keep`, and rows trained beside the main ones, take part in an update."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor

from luthier.data.batches import micro_batches
from luthier.data.features import Batch, Features
from luthier.engine.checkpoint import Checkpoint
from luthier.engine.job import Job
from luthier.engine.relief import within_memory
from luthier.keeping import Around, Averaging, Changing, Penalty, Piecewise
from luthier.objectives import Loss, Part, Roles

PREFIX = "keep-"
"""Of the files in a checkpoint that hold what an option keeps."""


def names(job: Job) -> list[str]:
    """Each option under the name of its file."""
    return [type(keeper).__module__.rpartition(".")[2] for keeper in job.keepers]


def changed(job: Job, features: Sequence[Features], *, step: int) -> list[Features]:
    """The rows of an update as they are trained."""
    found = list(features)
    for keeper in job.keepers:
        if isinstance(keeper, Changing):
            found = keeper.change(found, step)
    return found


def changing(job: Job) -> list[str]:
    """Options with which a row is not the same each time it is trained, so that nothing of what
    frozen layers give for it can be kept."""
    pairs = zip(names(job), job.keepers, strict=True)
    return [name for name, keeper in pairs if keeper.changes_inputs]


def surrounded(job: Job, models: Roles, batch: Batch) -> Loss:
    """The objective's loss of a micro-batch, within every option that does something around it.

    Validations are without them.
    """
    run: Callable[[Roles], Loss] = partial(_plain, job, batch)
    if not job.bundle.model.training:
        return run(models)
    for keeper in job.keepers:
        if isinstance(keeper, Around):
            run = partial(_within, keeper, batch, run)
    return run(models)


def _plain(job: Job, batch: Batch, models: Roles) -> Loss:
    return job.objective.loss(models, batch)


def _within(keeper: Around, batch: Batch, run: Callable[[Roles], Loss], models: Roles) -> Loss:
    return keeper.around(models, batch, run)


def beside(job: Job, *, step: int) -> list[tuple[Part, list[Features]]]:
    """Rows of other sources that this update trains."""
    found = [(part, part.rows(step, seed=job.seed)) for part in job.parts]
    return [(part, rows) for part, rows in found if rows]


def add_penalties(job: Job, losses: Sequence[Loss], *, step: int, max_tokens: int) -> list[Loss]:
    """Add the gradient of every penalty to that of the parameters.

    A penalty is a term of the mean loss, and gradients are those of the sum, so it is multiplied by
    what the losses of this update are a sum over. Returns: what it adds to the sum.
    Raises: OutOfMemory: of one piece of a penalty.
    """
    found: list[Loss] = []
    for name, keeper in zip(names(job), job.keepers, strict=True):
        if isinstance(keeper, Penalty) and losses:
            count = torch.stack([loss.count.float() for loss in losses]).sum()
            pieces = _pieces(keeper, step=step, max_tokens=max_tokens)
            added = [within_memory(partial(_one_piece, work, count), rows) for work, rows in pieces]
            mean = torch.stack(added).sum()
            metrics = {name: (mean * count, count)}
            found.append(Loss(mean * count, torch.zeros_like(count), metrics))
    return found


def _pieces(
    keeper: Penalty, *, step: int, max_tokens: int
) -> list[tuple[Callable[[], Tensor], list[Features]]]:
    """The parts of a penalty, with the rows that go through the model for each; none: it is about
    weights alone."""
    if not isinstance(keeper, Piecewise):
        return [(partial(keeper.penalty, step), [])]
    rows = keeper.rows(step)
    groups = micro_batches([item.num_tokens for item in rows], max_tokens=max_tokens)
    parts = [[rows[place] for place in group] for group in groups]
    return [(partial(keeper.piece, step, part), part) for part in parts]


def _one_piece(work: Callable[[], Tensor], count: Tensor) -> Tensor:
    """Part of a mean, its gradient times `count` added to that of the parameters."""
    mean = work()
    if mean.requires_grad:
        (mean * count).backward()
    return mean.detach()


def updated(job: Job) -> None:
    """An update was taken."""
    for keeper in job.keepers:
        if isinstance(keeper, Averaging):
            keeper.updated()


@contextmanager
def shown(job: Job) -> Generator[None]:
    """Within it the model has the weights that are to be validated and saved."""
    with ExitStack() as stack:
        for keeper in job.keepers:
            if isinstance(keeper, Averaging):
                stack.enter_context(keeper.shown())
        yield


def state(job: Job) -> dict[str, Mapping[str, Tensor]]:
    """File of a checkpoint -> tensors of the options that keep some."""
    return {
        f"{PREFIX}{name}.safetensors": keeper.state()
        for name, keeper in zip(names(job), job.keepers, strict=True)
        if isinstance(keeper, Averaging)
    }


def restore(job: Job, read: Callable[[str], Mapping[str, Tensor]]) -> list[str]:
    """Put back what `state` gave, once the model has its weights.

    Args: read: tensors of a file of the checkpoint; empty where it is not there.
    Returns: options that it holds nothing of, which begin with these weights.
    """
    begun: list[str] = []
    for name, keeper in zip(names(job), job.keepers, strict=True):
        if isinstance(keeper, Averaging):
            saved = read(f"{PREFIX}{name}.safetensors")
            keeper.restore(saved)
            begun += [] if saved else [name]
    return begun


def take_averages(job: Job, saved: Checkpoint) -> None:
    """Make the kept weights those of the model, where `saved` holds the moving ones beside them."""
    restore(job, saved.tensors)
    with shown(job):
        kept = {name: t.clone() for name, t in job.tuner.state(job.bundle.model).items()}
    job.tuner.restore(job.bundle.model, kept)
