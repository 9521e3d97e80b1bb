"""The rows of each update: prepared ones, or what an exploring objective makes of prompts."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from luthier.core import seeds
from luthier.core.events import Event, Explored
from luthier.data.batches import Step, steps
from luthier.data.features import Features
from luthier.engine import checkpoint, keepers
from luthier.engine.accumulate import roles
from luthier.engine.job import Job
from luthier.objectives import Explorer, updates_per_exploration

EXPERIENCE, COMPANION = "experience.safetensors", "companion.safetensors"
_ROW = "row"
_KINDS = ("arrays", "per_token")
"""Fields of `Features` that hold arrays by name."""


@dataclass(slots=True)
class Supply:
    """Hands out the rows of update after update, from `start` on."""

    job: Job
    start: int
    stop: int
    held: list[Features] = field(default_factory=list[Features])
    """Experience that further updates are made with."""
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    """Of the latest exploration."""
    _steps: Iterator[Step] = field(init=False)

    def __post_init__(self) -> None:
        repeats = max(1, updates_per_exploration(self.job.objective))
        self._steps = steps(
            len(self.job.train),
            batch_size=self.job.plan.batch_size,
            seed=self.job.seed,
            start=-(-self.start // repeats),
            stop=-(-self.stop // repeats),
            easy_first=self.job.easy_first,
        )

    def rows(self, step: int) -> Generator[Event, None, list[Features]]:
        """Rows of the update after `step` updates."""
        job, objective = self.job, self.job.objective
        if not isinstance(objective, Explorer):
            rows = [job.train[row] for row in next(self._steps).rows]
            return keepers.changed(job, rows, step=step)
        if step % objective.updates_per_exploration == 0:
            prompts = [job.train[row] for row in next(self._steps).rows]
            found = objective.explore(
                roles(job), prompts, step=step, seed=seeds.derive(job.seed, "exploration", step)
            )
            self.held, self.metrics = found.features, found.metrics
            names = [job.row_name(int(record["row"])) for record in found.records]
            records = [
                {**record, "row": name} for record, name in zip(found.records, names, strict=True)
            ]
            yield Explored(step + 1, tuple(records), found.metrics)
        return self.held

    def state(self, step: int) -> dict[str, dict[str, Tensor]]:
        """What going on after `step` updates needs besides the model: file name -> tensors."""
        found: dict[str, dict[str, Tensor]] = {}
        if step % max(1, updates_per_exploration(self.job.objective)):
            found[EXPERIENCE] = packed(self.held)
        if self.job.companion is not None:
            found[COMPANION] = dict(self.job.companion.state_dict())
        return found


def supply(job: Job, *, start: int, stop: int) -> Supply:
    """Rows from update `start` on; what its checkpoint holds besides the model is put back."""
    found = Supply(job, start, stop)
    if start and isinstance(job.objective, Explorer):
        saved = checkpoint.verify(checkpoint.step_folder(job.checkpoints, start))
        found.held = unpacked(saved.tensors(EXPERIENCE))
        if job.companion is not None:
            job.companion.load_state_dict(saved.tensors(COMPANION))
    return found


def imagined(job: Job) -> Job:
    """The same training with rows as long as exploring can make them, for a trial of its memory.

    Its plan counts completions where the real one counts prompts.
    """
    objective = job.objective
    if not isinstance(objective, Explorer):
        return job
    context = job.bundle.facts.context_length
    rows = [objective.imagine(item, context=context) for item in job.train]
    size = job.plan.batch_size * max(len(found) for found in rows)
    train = [item for found in rows for item in found]
    return replace(job, train=train, plan=replace(job.plan, batch_size=size), easy_first=())


def packed(features: Sequence[Features]) -> dict[str, Tensor]:
    """Rows as tensors by name, for a checkpoint."""
    found: dict[str, Tensor] = {}
    for at, item in enumerate(features):
        numbers = (item.row, item.label, item.cut_tokens, *item.sequences)
        found[f"{at}/{_ROW}"] = torch.tensor(numbers, dtype=torch.int64)
        arrays = {"input_ids": item.input_ids, "loss_weights": item.loss_weights}
        for kind in _KINDS:
            held: Mapping[str, NDArray[Any]] = getattr(item, kind)
            arrays |= {f"{kind}/{name}": array for name, array in held.items()}
        for name, array in arrays.items():
            found[f"{at}/{name}"] = torch.from_numpy(np.ascontiguousarray(array))
    return found


def unpacked(tensors: Mapping[str, Tensor]) -> list[Features]:
    """The rows that `packed` was given."""
    number = sum(name.endswith(f"/{_ROW}") for name in tensors)
    found: list[Features] = []
    for at in range(number):
        row, label, cut, *sequences = tensors[f"{at}/{_ROW}"].tolist()
        more = {kind: _named(tensors, f"{at}/{kind}/") for kind in _KINDS}
        found.append(
            Features(
                row,
                tensors[f"{at}/input_ids"].numpy(),
                tensors[f"{at}/loss_weights"].numpy(),
                label=label,
                cut_tokens=cut,
                sequences=tuple(sequences),
                **more,
            )
        )
    return found


def _named(tensors: Mapping[str, Tensor], start: str) -> dict[str, NDArray[Any]]:
    found = {name: tensor for name, tensor in tensors.items() if name.startswith(start)}
    return {name.removeprefix(start): tensor.numpy() for name, tensor in found.items()}
