"""What the frozen part of a model gives for sequences, in one file that is mapped into memory.

A state is found by the tokens of its sequence, so that training rows, validation rows and any batch
made of them share it. A sequence that is not there is computed as before.
Letters: N tokens, D width, S sequences, R rows of the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from luthier.core import files
from luthier.data.batches import micro_batches
from luthier.data.features import Batch
from luthier.engine.budget import CPU_TOKENS, GPU_TOKENS
from luthier.models.trunks import Divisible, onto
from luthier.ops.out_of_memory import is_out_of_memory

VALUES, KEYS, COUNTS, SHAPE = "values.bin", "keys.npy", "counts.npy", "shape.json"
_KEY_BYTES = 16
_STORED: dict[torch.dtype, type] = {torch.float32: np.float32, torch.bfloat16: np.int16}

Sequences = Mapping[bytes, NDArray[np.int64]]
"""Key of a sequence -> its token ids."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is kept of each sequence."""

    dtype: torch.dtype
    width: int
    per_sequence: bool
    """One state, not one of every token."""

    def bytes_of(self, ids_T: NDArray[np.int64]) -> int:
        """Bytes in the file of one sequence."""
        return self.count(ids_T) * self.width * self.dtype.itemsize

    def count(self, ids_T: NDArray[np.int64]) -> int:
        """Rows of the file of one sequence."""
        return 1 if self.per_sequence else len(ids_T)


class Kept:
    """States in a folder, and the batches that they are put onto."""

    def __init__(self, folder: Path, trunk: Divisible) -> None:
        self.folder, self.trunk = folder, trunk
        shape = files.read_json(folder / SHAPE)
        self._dtype: torch.dtype = getattr(torch, shape["dtype"])
        counts_S: NDArray[np.int64] = np.load(folder / COUNTS)
        ends = np.cumsum(counts_S)
        keys: NDArray[np.uint8] = np.load(folder / KEYS)
        self._places = {
            key.tobytes(): (int(end - count), int(end))
            for key, count, end in zip(keys, counts_S, ends, strict=True)
        }
        size = (int(counts_S.sum()), int(shape["width"]))
        self._values_RD = np.memmap(folder / VALUES, _STORED[self._dtype], "r", shape=size)

    def __len__(self) -> int:
        return len(self._places)

    def onto(self, batch: Batch, device: torch.device) -> Batch:
        """The batch on `device`, with the states of its sequences where any of them is kept.

        Of a batch that is kept in part the rest is computed.
        """
        sequences = list(sequences_of(batch))
        places = [self._places.get(key) for key, _ in sequences]
        if not any(places):
            return batch.to(device)
        missing = [ids for place, (_, ids) in zip(places, sequences, strict=True) if not place]
        computed = iter(self.trunk.lower(pack(missing, device)) if missing else ())
        states = [self._read(place) if place else next(computed).cpu() for place in places]
        return onto(batch, states, self.trunk).to(device)

    def _read(self, place: tuple[int, int]) -> Tensor:
        return torch.from_numpy(np.array(self._values_RD[slice(*place)])).view(self._dtype)


def sequences_of(batch: Batch) -> Iterator[tuple[bytes, NDArray[np.int64]]]:
    """Key and token ids of each sequence."""
    ids_N = batch.input_ids_N.cpu().numpy()
    for start, end in pairwise(batch.starts()):
        ids = ids_N[start:end]
        yield hashlib.blake2b(ids.tobytes(), digest_size=_KEY_BYTES).digest(), ids


def pack(sequences: Sequence[NDArray[np.int64]], device: torch.device) -> Batch:
    """The sequences end to end."""
    lengths = tuple(len(ids) for ids in sequences)
    ids_N = torch.from_numpy(np.concatenate(list(sequences))).to(device)
    return Batch(ids_N, lengths, tuple(range(len(lengths))))


def fill(
    folder: Path, trunk: Divisible, kept: Sequences, shape: Shape, *, device: torch.device
) -> None:
    """Write the states of all sequences: like lengths together, each in its own place.

    How they are put together depends on the sequences alone, so that the bits do too.
    """
    sequences = list(kept.values())
    counts_S = np.array([shape.count(ids) for ids in sequences], np.int64)
    starts = np.cumsum(counts_S) - counts_S
    row_bytes = shape.width * shape.dtype.itemsize
    tokens = GPU_TOKENS if device.type == "cuda" else CPU_TOKENS
    # written, not mapped: a disk that is full is then an error and no signal that ends the process
    with (folder / VALUES).open("wb") as file:
        for group in micro_batches([len(ids) for ids in sequences], max_tokens=tokens):
            states = _lowered(trunk, [sequences[index] for index in group], device)
            for index, part in zip(group, states, strict=True):
                file.seek(int(starts[index]) * row_bytes)
                file.write(stored(part).tobytes())
    np.save(folder / COUNTS, counts_S)
    np.save(folder / KEYS, np.frombuffer(b"".join(kept), np.uint8).reshape(-1, _KEY_BYTES))
    name = str(shape.dtype).removeprefix("torch.")
    files.write_json(folder / SHAPE, {"dtype": name, "width": shape.width})


def stored(states: Tensor) -> NDArray[Any]:
    """As numpy holds them."""
    states = states.contiguous().cpu()
    return (states.view(torch.int16) if states.dtype == torch.bfloat16 else states).numpy()


def _lowered(
    trunk: Divisible, sequences: Sequence[NDArray[np.int64]], device: torch.device
) -> list[Tensor]:
    """States of each sequence; half of them at a time where memory is short."""
    try:
        return trunk.lower(pack(sequences, device))
    except RuntimeError as error:
        if not is_out_of_memory(error) or len(sequences) < 2:
            raise
    half = len(sequences) // 2
    return _lowered(trunk, sequences[:half], device) + _lowered(trunk, sequences[half:], device)
