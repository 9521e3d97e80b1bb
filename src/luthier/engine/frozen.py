"""Whether what the frozen layers give is kept, for which rows, where, and in how many bytes.

The folder is named after everything the states depend on and filled in one order before the first
update, so that a run that is continued, or another of the same rows, reads the same bits.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Generator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from luthier.core import cache, files
from luthier.core.events import Event, Notice
from luthier.data.features import Batch
from luthier.engine import keepers, room
from luthier.engine.horizon import steps_of
from luthier.engine.job import Job
from luthier.engine.optimizer import device_of
from luthier.engine.states import Kept, Sequences, Shape, fill, pack, sequences_of, stored
from luthier.models.blocks import frozen_depth
from luthier.models.trunks import Divisible
from luthier.objectives import Explorer
from luthier.run.figures import of_bytes, of_seconds

FORMAT_VERSION = 1
WORTH = 1.5
"""Rows are seen so many times on average, or keeping what is computed for them gains nothing."""


def keep_states(job: Job) -> Generator[Event, None, Kept | None]:
    """The states of the job's rows, computed now unless they are there from before; None where
    nothing is frozen, it cannot be left out, or each row is hardly seen twice."""
    if not is_wanted(job):
        return None
    if why := hindrance(job):
        yield Notice(f"frozen layers are computed anew in every epoch: {why}")
        return None
    trunk: Any = job.bundle.trunk
    if not trunk.frozen.depth:  # the trunk has said why
        return None
    start, wanted = time.perf_counter(), _sequences(job)
    shape, mark = _tried(trunk, wanted, device_of(job))
    most, name = room.limit(job.plan.cache_bytes)
    kept = _fitting(wanted, shape, most)
    some = f"{len(kept)} of {len(wanted)} sequences ({name}: {of_bytes(most)})"
    if not kept:
        yield Notice(f"frozen layers are computed anew in every epoch: room for {some}")
        return None
    folder = room.home() / _name(job, trunk, kept, mark)
    how = "read from" if folder.is_dir() else "computed once, kept in"
    size = sum(shape.bytes_of(ids) for ids in kept.values())
    yield Notice(
        f"the lowest {trunk.frozen.depth} layers never move: what they give for "
        f"{len(kept) if len(kept) == len(wanted) else some} sequences ({of_bytes(size)}) is {how} "
        f"{folder}"
    )
    device = device_of(job)
    try:
        room.make_room(folder, size, most)
        cache.build(folder, lambda path: fill(path, trunk, kept, shape, device=device))
        os.utime(folder)  # the time of the last use
        found = Kept(folder, trunk)
    except OSError as error:  # another process may have removed the folder, too
        yield Notice(
            f"frozen layers are computed anew in every epoch: {folder} could not be written or "
            f"read ({error.strerror or error})",
            "warning",
        )
        return None
    yield Notice(f"frozen layers: {of_seconds(time.perf_counter() - start)}")
    return found


def is_wanted(job: Job) -> bool:
    """Whether something is frozen that is worth to be kept."""
    return bool(job.plan.cache_bytes and frozen_depth(job.bundle.model)) and is_worth_it(job)


def hindrance(job: Job) -> str:
    """Why what frozen layers give for a row cannot be used again; empty: it can."""
    if isinstance(job.objective, Explorer):
        return "what is learned from is written by the model, another text each time"
    if options := keepers.changing(job):
        named = " and ".join(f"keep.{name}" for name in options)
        return f"with {named} a row is another one each time it is trained"
    if not isinstance(job.bundle.trunk, Divisible):
        return "this kind of model cannot go on from hidden states"
    return ""


def is_worth_it(job: Job) -> bool:
    """Whether rows are seen often enough."""
    plan, rows = job.plan, len(job.train) + len(job.validation)
    steps, _ = steps_of(job)
    validations = -(-steps // plan.evaluate_every) if plan.evaluate_every else 1
    seen = steps * min(plan.batch_size, len(job.train)) + validations * len(job.validation)
    return seen >= WORTH * rows


def frozen_seconds(job: Job, batch: Batch) -> float:
    """What the frozen part of a batch takes, where it is computed once only; else 0."""
    trunk: Any = job.bundle.trunk
    if not is_wanted(job) or hindrance(job) or not trunk.frozen.depth:
        return 0.0
    start = time.perf_counter()
    trunk.lower(batch)
    if batch.input_ids_N.is_cuda:
        torch.cuda.synchronize(batch.input_ids_N.device)
    return time.perf_counter() - start


def _sequences(job: Job) -> Sequences:
    """Every sequence of the training and validation rows, once, in the order of the rows."""
    found: dict[bytes, NDArray[np.int64]] = {}
    size = job.plan.batch_size
    for rows in (job.train, job.validation):
        for at in range(0, len(rows), size):
            for key, ids in sequences_of(job.objective.collate(rows[at : at + size])):
                found.setdefault(key, ids)
    return found


def _tried(trunk: Divisible, wanted: Sequences, device: torch.device) -> tuple[Shape, bytes]:
    """What states look like, and a mark of how this model computes them, to the bit."""
    few = sorted(wanted.values(), key=lambda ids: (len(ids), ids.tobytes()))[:4]
    states = torch.cat(trunk.lower(pack(few, device))).cpu()
    shape = Shape(states.dtype, states.shape[1], trunk.frozen.scores_only)
    return shape, hashlib.sha256(stored(states).tobytes()).digest()


def _fitting(wanted: Sequences, shape: Shape, left: int) -> Sequences:
    """As many sequences as fit into so many bytes, from the first on."""
    kept: dict[bytes, NDArray[np.int64]] = {}
    for key, ids in wanted.items():
        left -= shape.bytes_of(ids)
        if left < 0:
            break
        kept[key] = ids
    return kept


def _name(job: Job, trunk: Any, kept: Sequences, mark: bytes) -> str:
    """A name that changes with whatever the states depend on: model, codec, rows, arithmetic."""
    frozen = trunk.frozen
    said = [FORMAT_VERSION, job.bundle.source.sha256, trunk.name, frozen.depth, frozen.scores_only]
    return files.sha256_of([repr(said).encode(), torch.__version__.encode(), mark, *kept])[:32]
