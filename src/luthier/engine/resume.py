"""Continuing a run exactly: what is saved beside the tensors, and what must not have changed."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from luthier.core.errors import RunError
from luthier.core.events import Notice
from luthier.engine import checkpoint, keepers
from luthier.engine.budget import CPU_TOKENS
from luthier.engine.job import Job
from luthier.engine.optimizer import Optimizer, device_of
from luthier.engine.progress import Progress

PLANNED = "planned_micro_batch_tokens"
"""Key of the plan's micro-batch; that of the progress may be smaller by then."""


def resume(job: Job, optimizer: Optimizer) -> tuple[Progress, list[Notice]]:
    """Put the newest trusted checkpoint into model and optimizer; a fresh start without one.

    Raises: RunError: data, model, tokenizer or recipe differ from those of the run.
    """
    found, problems = checkpoint.latest(job.checkpoints)
    kept = f"continuing from {found.folder.name}" if found else "starting again from step 0"
    notices = [
        Notice(f"checkpoint {problem}. It is not used; {kept}.", "warning") for problem in problems
    ]
    if found is None:
        checkpoint.clear_after(job.checkpoints, -1)
        return Progress(micro_batch_tokens=job.plan.micro_batch_tokens or CPU_TOKENS), notices
    saved = found.state
    same_identity(saved["identity"], job.identity, job.allow, where=str(found.folder))
    job.tuner.restore(job.bundle.model, found.tensors(checkpoint.WEIGHTS))
    optimizer.restore(found.tensors(checkpoint.OPTIMIZER))
    notices += [
        Notice(f"keep.{name} is new to this run: it begins at step {found.step}")
        for name in keepers.restore(job, found.tensors)
    ]
    checkpoint.clear_after(job.checkpoints, found.step)
    progress = Progress.read(saved["progress"])
    notices += _differences(saved["machine"], machine(job))
    planned = job.plan.micro_batch_tokens
    # what memory made of the same plan stands; another plan is meant to be followed
    if planned not in (0, saved.get(PLANNED, progress.micro_batch_tokens)):
        progress.micro_batch_tokens = planned
    return progress, [*notices, Notice(f"continuing from step {progress.step}")]


def state_of(job: Job, progress: Progress) -> dict[str, Any]:
    """The JSON part of a checkpoint."""
    return {
        "identity": dict(job.identity),
        "machine": machine(job),
        PLANNED: job.plan.micro_batch_tokens,
        "progress": progress.document(),
    }


def same_identity(
    saved: Mapping[str, str], now: Mapping[str, str], allow: Sequence[str], *, where: str
) -> None:
    """Raises: RunError: naming everything that changed and is not in `allow`."""
    changed = [key for key in sorted({*saved, *now}) if saved.get(key) != now.get(key)]
    refused = [key for key in changed if f"changed_{key}" not in allow]
    if not refused:
        return
    lines = [
        f"    {key}: {saved.get(key, 'absent')[:12]} when it was saved, "
        f"{now.get(key, 'absent')[:12]} now"
        for key in refused
    ]
    permits = ", ".join(f"changed_{key}" for key in refused)
    raise RunError(
        f"{where}: {', '.join(refused)} changed since the run was started:\n"
        + "\n".join(lines)
        + f"\n    Restore what changed, train into another --out, or set allow=[{permits}]."
    )


def machine(job: Job) -> dict[str, str | int]:
    """What the last bit of a sum depends on besides the numbers themselves."""
    return {
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "device": device_of(job).type,
        "processor": platform.machine(),
    }


def _differences(saved: Mapping[str, Any], now: Mapping[str, Any]) -> list[Notice]:
    changed = [f"{key} {saved.get(key)} -> {now[key]}" for key in now if saved.get(key) != now[key]]
    if not changed:
        return []
    text = f"the machine differs from the run's ({', '.join(changed)}): sums may round differently"
    return [Notice(text, "warning")]
