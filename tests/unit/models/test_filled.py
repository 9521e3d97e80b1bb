"""Packs are filled up to few sizes, and not by much."""

from __future__ import annotations

import torch

from luthier.models.trunks._filled import filled, filled_places, filled_size

CPU = torch.device("cpu")


def test_sizes_are_few_and_near() -> None:
    numbers = range(1, 5000)
    sizes = [filled_size(num, CPU) for num in numbers]
    assert all(num <= size < num + max(32, num / 8) for num, size in zip(numbers, sizes))
    assert all(size % 32 == 0 for size in sizes)
    assert len({size for num, size in zip(numbers, sizes) if 1024 < num <= 2048}) == 8
    assert [filled_size(size, CPU) for size in set(sizes)] == [*set(sizes)]


def test_other_devices_take_any_size() -> None:
    assert filled_size(1000, torch.device("cuda")) == 1000


def test_what_is_added_is_zero_and_behind() -> None:
    x, at = torch.ones(40, 3), torch.arange(1, 41)
    assert filled(x).shape == (64, 3)
    assert torch.equal(filled(x)[:40], x)
    assert not filled(x)[40:].any()
    assert filled_places(at).tolist() == [*range(1, 41), *[0] * 24]
    assert filled(torch.ones(64, 3)).shape == (64, 3)
