"""Attention over shared and own keys is attention over the two laid end to end."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from luthier.generation import mixing
from luthier.generation.mixing import Shape, like_lengths, read, write
from luthier.generation.room import Pass, Piece

CPU = torch.device("cpu")
KEYS, GROUPS, WIDTH = 2, 3, 8
SHAPES = [Shape(1.0), Shape(1.0, softcap=2.0), Shape(1.0, window=4)]


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def expected(q_KGE: Tensor, k_KWE: Tensor, v_KWE: Tensor, shape: Shape) -> Tensor:
    """One query that stands at the last key."""
    scores = torch.einsum("kge,kwe->kgw", q_KGE, k_KWE)
    if shape.softcap:
        scores = shape.softcap * torch.tanh(scores / shape.softcap)
    if shape.window:
        scores[..., : -shape.window] = float("-inf")
    return torch.einsum("kgw,kwe->kge", scores.softmax(-1), v_KWE)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("num_shared", [0, 6])
@pytest.mark.parametrize("max_scores", [1, 1 << 22])
def test_every_token_of_a_prompt_sees_the_shared_part_and_its_own_past(
    monkeypatch: pytest.MonkeyPatch, shape: Shape, num_shared: int, max_scores: int
) -> None:
    monkeypatch.setattr(mixing, "MAX_SCORES", max_scores)
    first, length = 3, 70
    num_own = first + length
    q = drawn(KEYS, GROUPS, length, WIDTH, seed=0)
    own = drawn(KEYS, num_own, WIDTH, seed=1), drawn(KEYS, num_own, WIDTH, seed=2)
    shared = drawn(KEYS, num_shared, WIDTH, seed=3), drawn(KEYS, num_shared, WIDTH, seed=4)
    found_QKGE = read(q, own, shared, Pass((Piece(0, first, length),), CPU), shape)
    for place in (0, 1, 40, length - 1):
        seen = first + place + 1
        keys = torch.cat([shared[0], own[0][:, :seen]], 1)
        values = torch.cat([shared[1], own[1][:, :seen]], 1)
        wanted = expected(q[:, :, place], keys, values, shape)
        torch.testing.assert_close(found_QKGE[place], wanted)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("num_shared", [0, 6])
def test_a_new_token_of_each_row_sees_the_shared_part_and_its_own_past(
    shape: Shape, num_shared: int
) -> None:
    lengths, columns = [30, 29, 9, 28, 2, 3, 1, 2, 8], 32
    q = drawn(len(lengths), KEYS, GROUPS, WIDTH, seed=0)
    own = tuple(drawn(11, KEYS, columns, WIDTH, seed=seed) for seed in (1, 2))
    shared = tuple(drawn(KEYS, num_shared, WIDTH, seed=seed) for seed in (3, 4))
    pieces = tuple(Piece(slot, length - 1, 1) for slot, length in enumerate(lengths))
    assert len(like_lengths(lengths)) > 1
    found_BKGE = write(q, own, shared, Pass(pieces, CPU), shape)
    for row, length in enumerate(lengths):
        keys = torch.cat([shared[0], own[0][row, :, :length]], 1)
        values = torch.cat([shared[1], own[1][row, :, :length]], 1)
        torch.testing.assert_close(found_BKGE[row], expected(q[row], keys, values, shape))


def test_runs_of_like_lengths_hold_every_row_once_and_are_not_tiny() -> None:
    lengths = [300, 290, 100, 90, 80, 79, 78, 30, 20]
    runs = like_lengths(lengths)
    assert [row for run in runs for row in range(len(lengths))[run]] == list(range(len(lengths)))
    assert all(len(lengths[run]) >= mixing.FEW for run in runs[:-1])
    assert like_lengths([50] * 40) == [slice(0, 40)]
