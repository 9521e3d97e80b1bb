"""Masks drop the share they are asked for, and keep the mean."""

from __future__ import annotations

import pytest
import torch

from luthier.models.trunks._dropout import dropped, keep_mask


@pytest.mark.parametrize("dropout", [0.1, 0.5, 0.9])
def test_the_asked_share_is_dropped_and_the_rest_scaled_up(dropout: float) -> None:
    torch.manual_seed(0)
    mask = keep_mask(torch.empty(400_003), dropout)
    # five standard deviations of a share of 400,003 draws
    bound = 5 * (dropout * (1 - dropout) / 400_003) ** 0.5
    assert abs(float((mask == 0).float().mean()) - dropout) < bound
    assert mask.unique().tolist() == pytest.approx([0.0, 1 / (1 - dropout)], rel=1e-4)


def test_neighbours_are_dropped_independently() -> None:
    torch.manual_seed(0)
    stays = (keep_mask(torch.empty(400_000), 0.5) > 0).float()
    both = float((stays[:-1] * stays[1:]).mean())  # four of them share a draw
    assert abs(both - 0.25) < 5 * (0.25 * 0.75 / 400_000) ** 0.5


def test_the_same_seed_gives_the_same_mask() -> None:
    masks: list[torch.Tensor] = []
    for _ in range(2):
        torch.manual_seed(7)
        masks.append(keep_mask(torch.empty(3, 5), 0.3))
    assert torch.equal(*masks)


def test_nothing_is_dropped_outside_training_and_everything_at_one() -> None:
    x = torch.ones(8)
    assert dropped(x, 0.5, is_training=False) is x
    assert not dropped(x, 1.0, is_training=True).any()
