"""Prepared rows wait on disk, and are what they were, to the bit and to the type."""

import mmap
import tracemalloc
from dataclasses import fields

import numpy as np
import pytest
import torch

from luthier.data import on_disk
from luthier.data.features import Features
from luthier.data.features_on_disk import FeaturesOnDisk, columns_of, num_distinct

ROWS = [
    Features(0, np.array([5, 9, 5], np.int32), np.array([0, 0.1, 1], np.float32), cut_tokens=4),
    Features(2, np.array([7], np.int32), label=3),
    Features(
        3,
        np.arange(4, dtype=np.int32),
        np.ones(4, np.float32),
        sequences=(3, 1),
        arrays={"score": np.array(0.25, np.float64), "grid": np.ones((2, 3), np.uint8)},
        per_token={"marks": np.array([True, False, True, True])},
    ),
    Features(3, np.zeros(0, np.int32)),
]


def same(one: Features, other: Features) -> bool:
    """Whether every field is equal, arrays to the type and the bit."""
    return all(_plain(getattr(one, f.name)) == _plain(getattr(other, f.name)) for f in fields(one))


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {name: _plain(held) for name, held in value.items()}
    return value


@pytest.mark.parametrize("size", [0, 200, 1 << 20])
def test_what_was_put_in_comes_out_to_the_bit(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_disk, "IN_MEMORY_BYTES", size)
    kept = FeaturesOnDisk(ROWS)
    assert len(kept) == len(ROWS)
    assert all(map(same, kept, ROWS))
    assert all(map(same, kept[1:], ROWS[1:]))
    assert same(kept[-2], ROWS[2])
    with pytest.raises(IndexError):
        kept[4]


def test_whoever_has_a_row_may_write_to_it_and_the_kept_one_stays() -> None:
    kept = FeaturesOnDisk(ROWS)
    torch.from_numpy(kept[0].input_ids).zero_()
    assert same(kept[0], ROWS[0])


def test_columns_are_those_of_the_rows_themselves() -> None:
    kept = FeaturesOnDisk(ROWS)
    assert columns_of(kept) == columns_of(ROWS)
    assert list(columns_of(kept).rows) == [0, 2, 3, 3]
    assert list(columns_of(kept).tokens) == [3, 1, 4, 0]
    assert list(columns_of(kept).longest) == [3, 1, 3, 0]
    assert list(columns_of(kept).trained) == [2, 0, 4, 0]
    assert list(columns_of(kept).cut) == [4, 0, 0, 0]
    assert num_distinct(kept) == num_distinct(ROWS) == 7


def test_pictures_stay_in_the_file_in_which_they_are() -> None:
    room = mmap.mmap(-1, 64)
    picture = np.frombuffer(room, np.uint8, 12, 8).reshape(3, 2, 2)
    row = Features(0, np.zeros(1, np.int32), arrays={"bytes": picture, "finish": np.ones(2)})
    (kept,) = FeaturesOnDisk([row])
    assert kept.arrays["bytes"] is picture
    assert same(kept, row)


def test_memory_is_flat_in_the_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_disk, "IN_MEMORY_BYTES", 1 << 16)
    tracemalloc.start()
    ids, weights = np.arange(500, dtype=np.int32), np.ones(500, np.float32)
    kept = FeaturesOnDisk(Features(at, ids, weights) for at in range(2000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept) == 2000
    assert peak < 1 << 20  # the rows hold 8 MB
