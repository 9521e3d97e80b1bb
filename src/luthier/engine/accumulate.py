"""The gradient of one update, summed over its micro-batches, and what was measured on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from luthier.core import seeds
from luthier.core.errors import RunError
from luthier.data.batches import micro_batches
from luthier.data.features import Features
from luthier.data.features_on_disk import columns_of
from luthier.engine import keepers, sources
from luthier.engine.job import Job
from luthier.engine.optimizer import Optimizer, device_of
from luthier.engine.relief import within_memory
from luthier.objectives import Loss, Part, Roles


@dataclass(frozen=True, slots=True)
class Measured:
    """Means over one update, on the host. Gradients still hold sums: divide them by `count`."""

    loss: float
    gradient_norm: float
    count: float
    metrics: dict[str, float] = field(default_factory=dict[str, float])


def split(job: Job, features: Sequence[Features], *, max_tokens: int) -> list[list[Features]]:
    """Micro-batches of at most `max_tokens` tokens (a longer row stands alone).

    Where rows of a batch interact they stay together: whole batches, whatever they hold.
    """
    return list(one_by_one(job, features, max_tokens=max_tokens))


def one_by_one(
    job: Job, features: Sequence[Features], *, max_tokens: int
) -> Iterator[list[Features]]:
    """The same micro-batches, of which memory holds one."""
    if not job.objective.additive:
        size = job.plan.batch_size
        yield from (list(features[at : at + size]) for at in range(0, len(features), size))
        return
    columns = columns_of(features)
    groups = micro_batches(columns.tokens, max_tokens=max_tokens, families=columns.rows)
    yield from ([features[index] for index in group] for group in groups)


def least_tokens(job: Job) -> int:
    """Tokens that go through the model at once however a batch is cut: those of the longest row,
    or of the fullest batch where its rows interact."""
    lengths = np.sort(np.array(columns_of(job.train).tokens))[::-1]
    return int(lengths[: 1 if job.objective.additive else job.plan.batch_size].sum())


def whole(least: int, tokens: int) -> int:
    """A micro-batch that holds every batch as a whole. Args: tokens: asked for; 0: not said.

    Raises: RunError: it was asked to be smaller.
    """
    if 0 < tokens < least:
        raise RunError(
            f"training.micro_batch_tokens: got {tokens}, but the fullest batch holds {least} tokens"
            " and the objective compares its rows with one another, so it cannot be cut. Leave the "
            "setting out, or lower training.batch_size."
        )
    return max(tokens, least)


def accumulate(
    job: Job, optimizer: Optimizer, features: Sequence[Features], *, step: int, max_tokens: int
) -> Measured:
    """Leave the summed gradients of `features` in the parameters, and read the means once.

    The result does not depend on how the rows are cut into micro-batches, up to rounding (and
    dropout, which is drawn per micro-batch).
    Raises: OutOfMemory: of one of the micro-batches.
    """
    optimizer.clear()
    alike, apart = sources.by_unit(job, keepers.beside(job, step=step))
    losses: list[Loss] = []
    with optimizer.unfreezing.at(step):
        others = [
            take_source(job, optimizer, group, step=step, max_tokens=max_tokens) for group in apart
        ]
        for number, part in enumerate(split(job, features, max_tokens=max_tokens)):
            run = partial(one_gradient, job, part, step=step, number=number)
            losses.append(within_memory(run, part))
        for source, rows in alike:
            losses += add_source(job, source, rows, step=step, max_tokens=max_tokens)
        if others:
            num_rows = sources.num_rows(job, features, alike)
            losses = sources.joined(optimizer, losses, others, num_rows=num_rows)
        losses += keepers.add_penalties(job, losses, step=step, max_tokens=max_tokens)
    return means(losses, optimizer.norm())


def take_source(
    job: Job, optimizer: Optimizer, group: sources.Sources, *, step: int, max_tokens: int
) -> sources.Apart:
    """Losses and gradients of sources that count the same, none of which are left behind."""
    losses: list[Loss] = []
    for source, rows in group:
        losses += add_source(job, source, rows, step=step, max_tokens=max_tokens)
    return sources.Apart(sum(len(rows) for _, rows in group), losses, optimizer.take())


def add_source(
    job: Job, source: Part, rows: Sequence[Features], *, step: int, max_tokens: int
) -> list[Loss]:
    """Losses of rows of another source, their gradients added to those of the parameters."""
    other = replace(job, objective=source.objective, states=None)
    found: list[Loss] = []
    for number, part in enumerate(split(other, rows, max_tokens=max_tokens)):
        run = partial(one_gradient, other, part, step=step, number=f"{source.name} {number}")
        loss = within_memory(run, part)
        found.append(Loss(loss.sum, loss.count, {f"loss/{source.name}": (loss.sum, loss.count)}))
    return found


def roles(job: Job) -> Roles:
    """The models of a job, as its objective sees them."""
    return Roles(job.bundle, job.reference, job.companion)


def one_loss(job: Job, features: Sequence[Features], *, step: int, number: int | str) -> Loss:
    """Loss of one micro-batch, its dropout seeded by (seed, step, number)."""
    torch.manual_seed(seeds.derive(job.seed, "dropout", step, number))
    batch, device = job.objective.collate(features), device_of(job)
    batch = batch.to(device) if job.states is None else job.states.onto(batch, device)
    return keepers.surrounded(job, roles(job), batch)


def one_gradient(job: Job, features: Sequence[Features], *, step: int, number: int | str) -> Loss:
    """`one_loss`, its gradient added to that of the parameters."""
    loss = one_loss(job, features, step=step, number=number)
    if loss.sum.requires_grad:
        loss.sum.backward()
    return detached(loss)


def detached(loss: Loss) -> Loss:
    """The same numbers without their graph."""
    metrics = {name: (a.detach(), b.detach()) for name, (a, b) in loss.metrics.items()}
    return Loss(loss.sum.detach(), loss.count.detach(), metrics)


def means(losses: Sequence[Loss], norm: Tensor | None = None) -> Measured:
    """Sums over micro-batches divided once; one transfer from the device."""
    names = sorted({name for loss in losses for name in loss.metrics})
    columns = [[loss.sum for loss in losses], [loss.count for loss in losses]]
    for name in names:
        pairs = [loss.metrics[name] for loss in losses if name in loss.metrics]
        columns += [[pair[0] for pair in pairs], [pair[1] for pair in pairs]]
    totals = [torch.stack([value.float() for value in column]).sum() for column in columns]
    read = torch.stack([*totals, totals[0] if norm is None else norm.float()]).tolist()
    count = read[1]
    ratios = [a / b if b else 0.0 for a, b in zip(read[2:-1:2], read[3:-1:2], strict=True)]
    return Measured(
        loss=read[0] / count if count else float("nan"),
        gradient_norm=read[-1] / count if count else float("nan"),
        count=count,
        metrics=dict(zip(names, ratios, strict=True)),
    )
