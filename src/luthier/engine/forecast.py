"""Memory, disk and time of a run, from what one of everything took."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from luthier.core.errors import RunError
from luthier.core.events import Preflight
from luthier.data.batches import steps_per_epoch
from luthier.data.features_on_disk import columns_of
from luthier.engine.horizon import steps_of
from luthier.engine.job import Job
from luthier.engine.memory import peak_bytes
from luthier.engine.optimizer import device_of
from luthier.engine.rehearsal import Rehearsed
from luthier.objectives import updates_per_exploration
from luthier.run import figures


def forecast(job: Job, found: Rehearsed, *, spent: float, exploring: float = 0.0) -> Preflight:
    """What the run will take.

    Memory is the highest that the rehearsal reached, and what the optimizer's state still grows.
    Args: spent: seconds of the pre-flight so far. exploring: those of each update that go to what
        the model says itself (see `Explorer`).
    """
    plan, seconds, sizes = job.plan, found.seconds, found.sizes
    lengths = columns_of(job.train).tokens
    steps, _ = steps_of(job)
    each = sum(lengths) / steps_per_epoch(len(lengths), batch_size=plan.batch_size)
    if plan.max_tokens and updates_per_exploration(job.objective):  # known in the loop only
        steps = min(steps, math.ceil(plan.max_tokens / each))
    tokens = each * steps
    trained = tokens * seconds.micro_batch
    if seconds.frozen:  # computed once for every row, also of validation
        once = sum(lengths) + sum(columns_of(job.validation).tokens)
        trained -= (tokens - min(once, tokens)) * min(seconds.frozen, seconds.micro_batch)
    per_second = tokens * found.tokens / max(trained, 1e-9)
    total = (tokens + steps * _tokens_beside(job)) / per_second
    total += steps * (seconds.update + seconds.penalties + exploring)
    total += _times(steps, plan.evaluate_every) * seconds.evaluation
    total += _times(steps, plan.save_every) * seconds.save
    limit = plan.max_seconds + seconds.evaluation + seconds.save if plan.max_seconds else total
    model = job.bundle.model
    stored = [*model.parameters(), *model.buffers()]  # weights in few bits are buffers
    return Preflight(
        peak_bytes=peak_bytes(device_of(job)) + sizes.growth,
        disk_bytes=disk_bytes(job, steps=steps, found=found),
        seconds=min(total, limit),
        tokens_per_second=per_second,
        num_steps=steps,
        unit=figures.unit_of(job.bundle.kind),
        details={
            "micro_batch_tokens": plan.micro_batch_tokens,
            "gradient_checkpointing": int(plan.gradient_checkpointing),
            "precision": plan.precision,
            "bytes_weights": sum(each.nbytes for each in stored),
            "bytes_gradients": sizes.gradients,
            "bytes_optimizer": sizes.optimizer,
            "bytes_activations": sizes.activations,
            "seconds_micro_batch": seconds.micro_batch,
            "seconds_frozen_part": seconds.frozen,
            "seconds_penalties": seconds.penalties,
            "seconds_update": seconds.update,
            "seconds_exploring": exploring,
            "seconds_evaluation": seconds.evaluation,
            "seconds_save": seconds.save,
            "seconds_preflight": spent,
        },
    )


def disk_bytes(job: Job, *, steps: int, found: Rehearsed) -> int:
    """The most that checkpoints and the result take, with what is being written.

    Every step kept may refer to best weights of its own, and newer best ones stay besides.
    """
    plan, weights = job.plan, found.sizes.saved_weights
    whole = weights + found.sizes.optimizer + found.sizes.saved_beside
    saves = _times(steps, plan.save_every)
    evaluations = _times(steps, plan.evaluate_every) if job.validation else 0
    before, kept = min(plan.keep_checkpoints, saves - 1), min(plan.keep_checkpoints, saves)
    while_saving = (before + 1) * whole + min(before + 1, evaluations) * weights
    while_finding = before * whole + min(before + 2, evaluations) * weights
    at_end = kept * whole + (min(kept, evaluations) + 1) * weights
    return max(while_saving, while_finding, at_end)


def enough_disk(job: Job, needed: int, *, free: int | None = None) -> None:
    """Args: free: bytes to be had in the checkpoint folder; None: as the system says.

    Raises: RunError: they are too few.
    """
    folder = job.checkpoints
    held = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = _free(folder) if free is None else free
    if needed <= free + held:
        return
    raise RunError(
        f"{folder}: checkpoints and the result take up to {figures.of_bytes(needed)}, and "
        f"{figures.of_bytes(free + held)} are to be had there. Free space, choose another folder "
        f"with --out, or lower training.keep_checkpoints (now {job.plan.keep_checkpoints})."
    )


def _tokens_beside(job: Job) -> float:
    """Of other sources, in an update."""
    return sum(
        part.rows_per_update * sum(columns_of(part.features).tokens) / len(part.features)
        for part in job.parts
        if part.rows_per_update
    )


def _free(folder: Path) -> int:
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free


def _times(steps: int, every: int) -> int:
    """How often something is done each so many steps (0: never), and at the end."""
    return math.ceil(steps / every) if every else 1
