"""A trial before step 1: everything once, in micro-batches that fit, and what the run will take.

The model runs as in training, with dropout and within the options of `keep`. Afterwards gradients
are gone, and weights, running statistics and random state are the same to the bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch

from luthier.core.events import Preflight
from luthier.data.features import Features
from luthier.data.features_on_disk import columns_of
from luthier.engine import budget
from luthier.engine.accumulate import least_tokens, whole
from luthier.engine.budget import Budget
from luthier.engine.forecast import enough_disk, forecast
from luthier.engine.job import Job
from luthier.engine.memory import available_bytes
from luthier.engine.optimizer import Optimizer, device_of, open_optimizer
from luthier.engine.rehearsal import kept_bytes, rehearse
from luthier.engine.relief import OutOfMemory, relieve
from luthier.recipe.resolve import Settled

TOKENS_KEY, CHECKPOINTING_KEY = "training.micro_batch_tokens", "training.gradient_checkpointing"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trial:
    """What the pre-flight found."""

    event: Preflight
    budget: Budget
    warnings: tuple[str, ...]
    """What memory did not allow, and what was done instead."""

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self.event)


def preflight(
    job: Job,
    *,
    settled: Settled | None = None,
    free_disk: int | None = None,
    exploring: float = 0.0,
) -> Trial:
    """Choose the micro-batch, try everything once, and predict memory, time and disk.

    `job.plan` gets the chosen numbers; they are settled in `settled` too, whoever set them before.
    Args: free_disk: bytes that checkpoints may take; None: as the system says.
        exploring: seconds of each update that were measured before and are not tried here.
    Raises: RunError: the longest row does not fit into memory however it is cut, or the run not
        on the disk.
    """
    start = time.perf_counter()
    optimizer = open_optimizer(job)
    _ask(job, settled)
    warnings: list[str] = []
    with _as_in_training(job):
        chosen = _fitting(job, optimizer, warnings, lambda: _choose(job, optimizer))
        found = _fitting(job, optimizer, warnings, lambda: rehearse(job, optimizer, _probes(job)))
    event = forecast(job, found, spent=time.perf_counter() - start, exploring=exploring)
    enough_disk(job, event.disk_bytes, free=free_disk)
    if settled is not None:
        _settle(job, settled, "; ".join([chosen.why, *warnings]))
    return Trial(event, chosen, tuple(warnings))


@contextmanager
def _as_in_training(job: Job) -> Generator[None]:
    """Within it the model trains; what passes through it leaves no trace behind."""
    model, tuner = job.bundle.model, job.tuner
    was_training, moved = model.training, {name for name, _ in model.named_parameters()}
    before = {name: t.clone() for name, t in tuner.state(model).items() if name not in moved}
    model.train()
    try:
        with torch.random.fork_rng(devices=_cuda(job)):
            yield
    finally:
        model.train(was_training)
        if before:
            tuner.restore(model, {**tuner.state(model), **before})


def _ask(job: Job, settled: Settled | None) -> None:
    """Put into the plan what the recipe says about memory."""
    if settled is None:
        return
    tokens = settled.get(TOKENS_KEY)
    job.plan = replace(
        job.plan,
        micro_batch_tokens=tokens if isinstance(tokens, int) else job.plan.micro_batch_tokens,
        gradient_checkpointing=settled.get(CHECKPOINTING_KEY) is True,
        may_recompute=not settled.is_given(CHECKPOINTING_KEY),
    )


def _settle(job: Job, settled: Settled, why: str) -> None:
    """Record what the run goes on with."""
    found = {
        TOKENS_KEY: job.plan.micro_batch_tokens,
        CHECKPOINTING_KEY: job.plan.gradient_checkpointing,
    }
    for key, value in found.items():
        if not settled.settle(key, value, why) and settled.get(key) != value:
            settled.revise(key, value, why)


def _choose(job: Job, optimizer: Optimizer) -> Budget:
    """The plan's numbers, or those that memory allows.

    Raises: OutOfMemory: not even for a short row.
    """
    device, probes, least, plan = device_of(job), _probes(job), least_tokens(job), job.plan
    kept = kept_bytes(job, probes) / sum(item.num_tokens for item in probes)
    optimizer.clear()
    trained = sum(parameter.numel() for parameter in optimizer.named.values())
    found = budget.choose(
        bytes_per_token=kept,
        fixed_bytes=12 * trained,
        longest=least,
        available=available_bytes(device),
        device=device,
    )
    tokens = plan.micro_batch_tokens
    if not job.objective.additive:
        tokens = whole(least, tokens)
    is_on = plan.gradient_checkpointing or (plan.may_recompute and found.gradient_checkpointing)
    if is_on:
        job.bundle.trunk.set_checkpointing(on=True)
        found = budget.checkpointed(found, longest=least, device=device)
    tokens = tokens or found.micro_batch_tokens
    job.plan = replace(plan, micro_batch_tokens=tokens, gradient_checkpointing=is_on)
    return found


def _fitting(job: Job, optimizer: Optimizer, warnings: list[str], attempt: Callable[[], T]) -> T:
    """What `attempt` gives back, in smaller micro-batches if memory runs out.

    Raises: RunError: nothing is left to try.
    """
    while True:
        try:
            return attempt()
        except OutOfMemory as error:
            shortage = error.shortage
        optimizer.clear()
        tokens, words = relieve(
            job, shortage, tokens=job.plan.micro_batch_tokens, where="pre-flight"
        )
        job.plan = replace(job.plan, micro_batch_tokens=tokens)
        warnings.append(words)


def _probes(job: Job) -> list[Features]:
    """A row of about 64 tokens: quick, and long enough to speak for the others. Where rows
    interact, a batch of such."""
    columns = columns_of(job.train)
    unlike = np.abs(np.array(columns.tokens, np.int64) - 64)
    number = 1 if job.objective.additive else job.plan.batch_size
    return [job.train[int(at)] for at in np.lexsort((np.array(columns.rows), unlike))[:number]]


def _cuda(job: Job) -> list[torch.device]:
    device = device_of(job)
    return [device] if device.type == "cuda" else []
