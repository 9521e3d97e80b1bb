"""What frozen models say of the rows, asked once before the first update and kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from luthier.core import files
from luthier.data.batches import micro_batches
from luthier.data.features import Batch, Features
from luthier.data.features_on_disk import FeaturesOnDisk, columns_of
from luthier.engine.job import Job
from luthier.engine.optimizer import device_of

PACK_TOKENS = 2048
"""Tokens run together, which bounds the memory this takes; a longer row stands alone, or with one
other where rows interact."""
_IDENTITY = "identity"

Said = dict[str, NDArray[Any]]
Ask = Callable[[Batch], Mapping[str, Sequence[NDArray[Any]]]]
"""`constants` of an objective, with the models that it asks."""
Tell = Callable[[int, int], None]


def fill(job: Job, ask: Ask, folder: Path, *, tell: Tell, note: Callable[[str], None]) -> None:
    """Put what is said of the rows of the job into them.

    Written to `folder` split by split, and read from there when the same run is continued.
    Args: note: told where a file cannot be read, and is written anew.
    """
    identity = files.sha256_of(
        [f"{key}={job.identity[key]}".encode() for key in sorted(job.identity)]
    )
    total = len(job.train) + len(job.validation)
    done = 0
    for split in ("train", "validation"):
        features: Sequence[Features] = getattr(job, split)
        path = folder / f"{split}.safetensors"
        found = _read(path, identity, len(features), note=note)
        if found is None:
            found = _asked(job, ask, features, tell=lambda n, at=done: tell(at + n, total))
            _write(path, identity, found)
        done += len(features)
        pairs = zip(features, found, strict=True)
        filled = (replace(item, arrays={**item.arrays, **said}) for item, said in pairs)
        setattr(job, split, FeaturesOnDisk(filled))


@torch.no_grad()
def _asked(
    job: Job, ask: Ask, features: Sequence[Features], *, tell: Callable[[int], None]
) -> list[Said]:
    """What is said of each row, from packs of rows of like length."""
    model = job.bundle.model
    was_training = model.training
    model.eval()
    found: list[Said] = [{} for _ in features]
    done = 0
    try:
        for places in _packs(job, features):
            batch = job.objective.collate([features[place] for place in places])
            said = ask(batch.to(device_of(job)))
            for place, arrays in zip(places, zip(*said.values(), strict=True), strict=True):
                found[place] = dict(zip(said, map(np.asarray, arrays), strict=True))
            done += len(places)
            tell(done)
    finally:
        model.train(was_training)
    return found


def _packs(job: Job, features: Sequence[Features]) -> list[list[int]]:
    """Places of rows of like length. Where rows interact none is asked about alone: it would have
    nobody to be compared with."""
    packs = micro_batches(columns_of(features).tokens, max_tokens=PACK_TOKENS)
    if job.objective.additive:
        return packs
    found: list[list[int]] = []
    for pack in packs:
        if found and len(found[-1]) == 1:
            found[-1] += pack
        else:
            found.append(pack)
    if len(found) > 1 and len(found[-1]) == 1:
        last = found.pop()
        found[-1] += last
    return found


def _write(path: Path, identity: str, found: Sequence[Said]) -> None:
    """All rows of one name end to end, with the length of each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, NDArray[Any]] = {}
    for name in sorted({name for said in found for name in said}):
        arrays = [said[name] for said in found]
        tensors[name] = np.concatenate([np.atleast_1d(array) for array in arrays])
        tensors[f"{name}/lengths"] = np.array(
            [len(array) if array.ndim else -1 for array in arrays], np.int64
        )
    temporary = path.with_suffix(".partial")
    save_file(tensors, temporary, metadata={_IDENTITY: identity})
    temporary.replace(path)


def _read(
    path: Path, identity: str, num_rows: int, *, note: Callable[[str], None]
) -> list[Said] | None:
    """What was written for these rows; None: nothing, or for others."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, "np") as file:
            if (file.metadata() or {}).get(_IDENTITY) != identity:
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        note(f"{path} cannot be read ({error}); the model before training is asked anew")
        return None
    found: list[Said] = [{} for _ in range(num_rows)]
    for name in [name for name in tensors if not name.endswith("/lengths")]:
        lengths = tensors[f"{name}/lengths"]
        ends = np.abs(lengths).cumsum()
        for said, part, length in zip(
            found, np.split(tensors[name], ends[:-1]), lengths, strict=True
        ):
            said[name] = part[0] if length < 0 else part
    return found
