"""All that a run does, once and undone: an update, micro-batches, a validation, a save.

Memory is filled as it will be: the optimizer has its state, and where a step takes more than one
micro-batch, the gradients of another stand while the fullest one runs. Other sources of rows are
rehearsed with it. Time is that of rows of all lengths, once everything ran before: what is done for
the first time takes several times as long.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from luthier.core.errors import RunError
from luthier.data.features import Features
from luthier.data.features_on_disk import columns_of, num_distinct
from luthier.engine import budget, checkpoint, keepers, sources
from luthier.engine.accumulate import add_source, one_gradient, one_loss, split, take_source
from luthier.engine.frozen import frozen_seconds
from luthier.engine.job import Job
from luthier.engine.optimizer import Optimizer, device_of
from luthier.engine.relief import within_memory
from luthier.engine.validate import validate
from luthier.objectives import Loss, Part


@dataclass(frozen=True, slots=True)
class Seconds:
    """What each part of a run takes."""

    micro_batch: float
    """Of rows of all lengths."""
    frozen: float
    """Part of `micro_batch` that is spared once a row was seen; 0: none is."""
    penalties: float
    """Terms that options of `keep` add to every update."""
    update: float
    """Of the optimizer alone."""
    evaluation: float
    save: float


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of what is held beside each other, and of what is saved."""

    gradients: int
    optimizer: int
    """Once every training row was seen."""
    growth: int
    """Part of `optimizer` that was not there in the rehearsal."""
    activations: int
    """Kept by the fullest micro-batch for its backward pass."""
    saved_weights: int
    saved_beside: int
    """What options of `keep` hold, in every checkpoint."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What was measured."""

    tokens: int
    """Of the micro-batch that was timed."""
    seconds: Seconds
    sizes: Sizes


def rehearse(job: Job, optimizer: Optimizer, probes: Sequence[Features]) -> Rehearsed:
    """Run everything once. Weights and random state are to be restored by the caller's means.

    Args: probes: few rows, quick to run, for a first gradient.
    Raises: OutOfMemory: of one micro-batch. RunError: the trial save failed.
    """
    plan = job.plan
    most = {"step": -1, "max_tokens": plan.micro_batch_tokens}
    first = within_memory(partial(one_gradient, job, probes, step=-1, number=0), probes)
    _penalty_seconds(job, first)
    within_memory(partial(_update_seconds, job, optimizer), probes)  # makes the optimizer's state
    alike, apart = sources.by_unit(job, _fullest_of_others(job))
    optimizer.clear()
    aside = [take_source(job, optimizer, group, **most).gradients for group in apart]
    part = budget.fullest(job.train, max_tokens=plan.micro_batch_tokens, batch_size=plan.batch_size)
    if len(part) < min(plan.batch_size, len(job.train)):  # a step takes several
        within_memory(partial(one_gradient, job, probes, step=-1, number=0), probes)
    activations = kept_bytes(job, part)
    typical = _typical(job)
    start = _now(job)
    within_memory(partial(one_gradient, job, typical, step=-1, number=0), typical)
    micro_batch = _now(job) - start
    frozen = frozen_seconds(job, job.objective.collate(typical).to(device_of(job)))
    for source, rows in alike:
        add_source(job, source, rows, **most)
    penalties = _penalty_seconds(job, first)
    gradients = _bytes(optimizer.gradients()) + sum(map(_bytes, aside))
    aside.clear()
    update = within_memory(partial(_update_seconds, job, optimizer), typical)
    optimizer.clear()
    evaluation = _evaluation_seconds(job)
    start = time.perf_counter()
    weights = _save_and_restore(job, optimizer.state())
    save = time.perf_counter() - start
    tokens = sum(item.num_tokens for item in typical)
    # embeddings of other tokens never get a gradient
    at_end = optimizer.bytes_for(num_distinct(job.train))
    sizes = Sizes(
        gradients=gradients,
        optimizer=at_end,
        growth=at_end - _bytes(optimizer.state()),
        activations=activations,
        saved_weights=weights,
        saved_beside=sum(_bytes(held) for held in keepers.state(job).values()),
    )
    seconds = Seconds(micro_batch, frozen, penalties, update, evaluation, save)
    return Rehearsed(tokens, seconds, sizes)


def kept_bytes(job: Job, rows: Sequence[Features]) -> int:
    """Bytes that rows keep between forward and backward, without parameters; adds a gradient.

    Raises: OutOfMemory: for these rows.
    """
    held = {parameter.untyped_storage().data_ptr() for parameter in job.bundle.model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in held:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    def run() -> None:
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            loss = one_loss(job, rows, step=-1, number=0)
        if loss.sum.requires_grad:
            loss.sum.backward()

    within_memory(run, rows)
    return sum(kept.values())


def _update_seconds(job: Job, optimizer: Optimizer) -> float:
    """Seconds of an update that moves nothing; the optimizer has its state afterwards."""
    for gradient in optimizer.gradients().values():
        gradient.zero_()  # an infinite one times a rate of 0 is not 0
    start = _now(job)
    optimizer.update(rate_share=0.0, gradient_share=1.0)
    return _now(job) - start


def _penalty_seconds(job: Job, loss: Loss) -> float:
    """Seconds of the terms that options of `keep` add to an update; their gradients are added.

    Args: loss: of some rows.
    """
    start = _now(job)
    keepers.add_penalties(job, [loss], step=0, max_tokens=job.plan.micro_batch_tokens)
    return _now(job) - start


def _typical(job: Job) -> list[Features]:
    """A micro-batch of an update with rows of all lengths."""
    columns = columns_of(job.train)
    by_length = np.lexsort((np.array(columns.rows), np.array(columns.tokens)))
    size = min(job.plan.batch_size, len(by_length))
    places = [(2 * index + 1) * len(by_length) // (2 * size) for index in range(size)]
    rows = [job.train[int(by_length[place])] for place in places]
    parts = split(job, rows, max_tokens=job.plan.micro_batch_tokens)
    return parts[len(parts) // 2]


def _fullest_of_others(job: Job) -> sources.Sources:
    """Every other source, with rows that no micro-batch of it exceeds."""
    found: list[tuple[Part, list[Features]]] = []
    for part in job.parts:
        rows, tokens = math.ceil(part.rows_per_update), job.plan.micro_batch_tokens
        if not part.objective.additive:  # its rows go through the model together
            tokens = sum(columns_of(part.features).tokens)
        if rows:
            found.append((part, budget.fullest(part.features, max_tokens=tokens, batch_size=rows)))
    return found


def _evaluation_seconds(job: Job) -> float:
    """Seconds of one validation, from its fullest micro-batch."""
    plan, rows = job.plan, job.validation
    if not rows:
        return 0.0
    part = budget.fullest(rows, max_tokens=plan.micro_batch_tokens, batch_size=len(rows))
    start = time.perf_counter()
    validate(job, part, max_tokens=plan.micro_batch_tokens)
    spent = time.perf_counter() - start
    return spent * sum(columns_of(rows).tokens) / sum(item.num_tokens for item in part)


def _save_and_restore(job: Job, state: dict[str, Tensor]) -> int:
    """Bytes of the weights; the folder is removed again.

    Raises: RunError: not enough room, or what is read differs from what was written.
    """
    model, folder = job.bundle.model, job.checkpoints / "preflight"
    weights = job.tuner.state(model)
    tensors = {checkpoint.WEIGHTS: weights, checkpoint.OPTIMIZER: state, **keepers.state(job)}
    try:
        checkpoint.write(folder, 0, tensors, {})
        found = checkpoint.verify(folder)
        job.tuner.restore(model, found.tensors(checkpoint.WEIGHTS))
    except OSError as error:
        raise RunError(
            f"{folder}: the trial save failed ({error.strerror or error}). Free space or choose "
            "another folder with --out."
        ) from error
    finally:
        checkpoint.remove(folder)
    return _bytes(weights)


def _bytes(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _now(job: Job) -> float:
    """The clock, once the device has done what it was given."""
    device = device_of(job)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
