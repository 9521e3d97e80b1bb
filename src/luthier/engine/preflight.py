"""A trial before step 1: the fullest micro-batch, one evaluation batch, one save and restore.

Afterwards gradients are gone, and weights and random state are the same to the bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from luthier.core.errors import RunError
from luthier.core.events import Preflight
from luthier.data.features import Features
from luthier.engine import budget, checkpoint
from luthier.engine.accumulate import one_loss
from luthier.engine.budget import Budget
from luthier.engine.horizon import num_steps
from luthier.engine.job import Job
from luthier.engine.memory import available_bytes, peak_bytes
from luthier.engine.optimizer import Optimizer, device_of, open_optimizer
from luthier.engine.validate import validate
from luthier.ops.out_of_memory import is_out_of_memory
from luthier.recipe.resolve import Settled

TOKENS_KEY, CHECKPOINTING_KEY = "training.micro_batch_tokens", "training.gradient_checkpointing"


@dataclass(frozen=True, slots=True)
class Trial:
    """What the pre-flight found."""

    event: Preflight
    budget: Budget

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self.event)


@dataclass(frozen=True, slots=True)
class _Seconds:
    micro_batch: float
    tokens: int
    evaluation: float
    save: float


def preflight(job: Job, *, settled: Settled | None = None) -> Trial:
    """Choose the micro-batch, try everything once, and predict memory, time and disk.

    `job.plan` gets the chosen numbers; they are settled in `settled` too.
    Raises: RunError: the longest row does not fit into memory however it is cut.
    """
    start = time.perf_counter()
    optimizer = open_optimizer(job)
    with torch.random.fork_rng(devices=_cuda(job)):
        try:
            chosen = _choose(job, optimizer, settled)
        except (RuntimeError, MemoryError) as error:
            raise (_does_not_fit(job) if is_out_of_memory(error) else error) from error
        seconds, disk = _try_until_it_fits(job, optimizer)
    if settled is not None:
        settled.settle(TOKENS_KEY, job.plan.micro_batch_tokens, chosen.why)
    return Trial(_prediction(job, seconds, disk, time.perf_counter() - start), chosen)


def _choose(
    job: Job,
    optimizer: Optimizer,
    settled: Settled | None,
) -> Budget:
    """The recipe's numbers, or those that memory allows."""
    device, probe = device_of(job), _probe(job.train)
    longest = max(item.num_tokens for item in job.train)
    kept = _kept_bytes(job, optimizer, probe) / probe.num_tokens
    trained = sum(parameter.numel() for parameter in optimizer.named.values())
    found = budget.choose(
        bytes_per_token=kept,
        fixed_bytes=12 * trained,
        longest=longest,
        available=available_bytes(device),
        device=device,
    )
    asked = settled.get(TOKENS_KEY) if settled is not None else "auto"
    tokens = asked if isinstance(asked, int) else job.plan.micro_batch_tokens
    is_on = _settle_checkpointing(found, settled)
    if is_on:
        job.bundle.trunk.set_checkpointing(on=True)
        found = budget.checkpointed(found, longest=longest, device=device)
    tokens = tokens or found.micro_batch_tokens
    job.plan = replace(job.plan, micro_batch_tokens=tokens, gradient_checkpointing=is_on)
    return found


def _settle_checkpointing(found: Budget, settled: Settled | None) -> bool:
    if settled is None:
        return found.gradient_checkpointing
    settled.settle(CHECKPOINTING_KEY, found.gradient_checkpointing, found.why)
    return settled.get(CHECKPOINTING_KEY) is True


def _probe(features: Sequence[Features]) -> Features:
    """A row of about 64 tokens: quick, and long enough to speak for the others."""
    return min(features, key=lambda item: (abs(item.num_tokens - 64), item.row))


def _kept_bytes(job: Job, optimizer: Optimizer, row: Features) -> int:
    """Bytes that one row keeps between forward and backward, without parameters."""
    held = {parameter.untyped_storage().data_ptr() for parameter in job.bundle.model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in held:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = one_loss(job, [row], step=-1, number=0)
    loss.sum.backward()
    optimizer.clear()
    return sum(kept.values())


def _try_until_it_fits(job: Job, optimizer: Optimizer) -> tuple[_Seconds, int]:
    """As `_try_all`, in micro-batches halved while memory runs out.

    Raises: RunError: one row alone does not fit.
    """
    while True:
        try:
            return _try_all(job, optimizer)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        optimizer.clear()
        _halve(job)


def _try_all(job: Job, optimizer: Optimizer) -> tuple[_Seconds, int]:
    """Seconds of each part, and bytes that checkpoints and the result will take."""
    plan = job.plan
    part = budget.fullest(job.train, max_tokens=plan.micro_batch_tokens, batch_size=plan.batch_size)
    moments = _moments(optimizer)
    micro_batch = _micro_batch_seconds(job, optimizer, part)
    evaluation = _evaluation_seconds(job)
    start = time.perf_counter()
    weights, state = _save_and_restore(job, moments)
    save = time.perf_counter() - start
    tokens = sum(item.num_tokens for item in part)
    disk = plan.keep_checkpoints * (weights + state) + 2 * weights
    return _Seconds(micro_batch, tokens, evaluation, save), disk


def _micro_batch_seconds(job: Job, optimizer: Optimizer, part: Sequence[Features]) -> float:
    """Seconds of one forward and backward pass."""
    device = device_of(job)
    _synchronize(device)
    start = time.perf_counter()
    one_loss(job, part, step=-1, number=0).sum.backward()
    _synchronize(device)
    spent = time.perf_counter() - start
    optimizer.clear()
    return spent


def _evaluation_seconds(job: Job) -> float:
    """Seconds of one validation, from its fullest micro-batch."""
    plan, rows = job.plan, job.validation
    if not rows:
        return 0.0
    part = budget.fullest(rows, max_tokens=plan.micro_batch_tokens, batch_size=len(rows))
    start = time.perf_counter()
    validate(job, part, max_tokens=plan.micro_batch_tokens)
    spent = time.perf_counter() - start
    return spent * sum(item.num_tokens for item in rows) / sum(item.num_tokens for item in part)


def _moments(optimizer: Optimizer) -> dict[str, Tensor]:
    """Two touched tensors per trained parameter: what the optimizer will hold."""
    return {
        f"{name}/{key}": torch.full_like(parameter, 0.0, requires_grad=False)
        for name, parameter in optimizer.named.items()
        for key in ("exp_avg", "exp_avg_sq")
    }


def _save_and_restore(job: Job, moments: dict[str, Tensor]) -> tuple[int, int]:
    """Bytes of weights and of optimizer state; the folder is removed again.

    Raises: RunError: not enough room, or what is read differs from what was written.
    """
    model, folder = job.bundle.model, job.checkpoints / "preflight"
    weights = job.tuner.state(model)
    tensors = {checkpoint.WEIGHTS: weights, checkpoint.OPTIMIZER: moments}
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
    return _bytes(weights), _bytes(moments)


def _bytes(tensors: dict[str, Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _halve(job: Job) -> None:
    """A smaller micro-batch to try next.

    Raises: RunError: it holds a single row already.
    """
    tokens, longest = job.plan.micro_batch_tokens, max(item.num_tokens for item in job.train)
    if tokens <= longest:
        raise _does_not_fit(job)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    job.plan = replace(job.plan, micro_batch_tokens=max(tokens // 2, longest))


def _does_not_fit(job: Job) -> RunError:
    longest = max(item.num_tokens for item in job.train)
    return RunError(
        f"pre-flight: out of memory on the longest row ({longest} tokens) alone. Set "
        "training.gradient_checkpointing=true, lower training.max_length, or free memory."
    )


def _prediction(job: Job, seconds: _Seconds, disk: int, spent: float) -> Preflight:
    plan, lengths = job.plan, [item.num_tokens for item in job.train]
    steps, _ = num_steps(plan, lengths, seed=job.seed)
    per_second = seconds.tokens / max(seconds.micro_batch, 1e-9)
    tokens = sum(lengths) / len(lengths) * min(plan.batch_size, len(lengths)) * steps
    evaluations = math.ceil(steps / plan.evaluate_every) if plan.evaluate_every else 1
    saves = math.ceil(steps / plan.save_every) if plan.save_every else 1
    total = tokens / per_second + evaluations * seconds.evaluation + saves * seconds.save
    limit = plan.max_seconds + seconds.evaluation + seconds.save if plan.max_seconds else total
    return Preflight(
        peak_bytes=peak_bytes(device_of(job)),
        disk_bytes=disk,
        seconds=min(total, limit),
        tokens_per_second=per_second,
        num_steps=steps,
        details={
            "micro_batch_tokens": plan.micro_batch_tokens,
            "gradient_checkpointing": int(plan.gradient_checkpointing),
            "precision": plan.precision,
            "seconds_micro_batch": seconds.micro_batch,
            "seconds_evaluation": seconds.evaluation,
            "seconds_save": seconds.save,
            "seconds_preflight": spent,
        },
    )


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _cuda(job: Job) -> list[torch.device]:
    device = device_of(job)
    return [device] if device.type == "cuda" else []
