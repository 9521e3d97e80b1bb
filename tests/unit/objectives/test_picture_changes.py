"""Changes of pictures: what stays in them, and what does not."""

from __future__ import annotations

import torch
from torch import Tensor

from luthier.data.features import PIXELS, Batch
from luthier.objectives._pictures import augmented


def changed(pixels: Tensor, *kinds: str, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    count = len(pixels)
    batch = Batch(torch.zeros(count), (1,) * count, tuple(range(count)), {PIXELS: pixels})
    return augmented(batch, kinds).tensors[PIXELS]


def slope(count: int, *, channels: int = 3, size: int = 64) -> Tensor:
    """Pictures whose numbers say where a pixel is: -1 at the left edge, 1 at the right one."""
    row = (torch.arange(size) + 0.5) / size * 2 - 1
    return row.expand(count, channels, size, size).clone()


def test_a_piece_is_at_least_half_of_the_picture_and_lies_within_it() -> None:
    wide = changed(slope(200), "crop")
    high = changed(slope(200).transpose(2, 3), "crop").transpose(2, 3)
    for found in (wide, high):
        shares = (found[:, 0, 0, -1] - found[:, 0, 0, 0]) / (2 - 2 / 64)
        assert shares.max() <= 1.001
        assert shares.min() > (0.5 / (4 / 3)) ** 0.5 - 0.02
        assert found.min() >= -1
        assert found.max() <= 1
        assert (found[:, :, :, 1:] >= found[:, :, :, :-1] - 1e-5).all()
    assert wide[:, 0, 0, 0].std() > 0.05  # not always from the same edge


def test_other_colours_leave_grey_as_it_is() -> None:
    grey = slope(4)
    assert torch.allclose(changed(grey, "colour"), grey, atol=1e-6)
    red = slope(4)
    red[:, 0] += 1
    found = changed(red, "colour")
    assert torch.allclose(found.mean(1), red.mean(1), atol=1e-6)
    spread = (found - found.mean(1, keepdim=True)).abs().amax((1, 2, 3))
    assert 0.6 * 2 / 3 <= spread.min() < spread.max() <= 1.4 * 2 / 3


def test_changes_of_one_picture_are_its_own() -> None:
    for kind in ("crop", "contrast"):
        found = changed(slope(2), kind)
        assert not torch.allclose(found[0], found[1])


def test_pictures_in_one_colour_are_changed_too() -> None:
    every = ("flip", "shift", "contrast", "crop", "colour")
    found = changed(slope(3, channels=1), *every)
    assert found.shape == (3, 1, 64, 64)
    assert torch.equal(found, changed(slope(3, channels=1), *every))
    assert not torch.equal(found, changed(slope(3, channels=1), *every, seed=1))
