"""Vectors of sequences: each way of pooling, alone and beside others."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from luthier.ops.pooling import WAYS, looked_at, pooled
from luthier.ops.similarity import cosine_table, cosines

LENGTHS = (3, 1, 4)


@pytest.mark.parametrize("how", WAYS)
def test_a_sequence_beside_others_has_the_vector_it_has_alone(how) -> None:
    hidden = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    alone = []
    for part in hidden.split(LENGTHS):
        at = looked_at((len(part),), how)
        alone.append(pooled(part if at is None else part[at], (len(part),), how))
    at = looked_at(LENGTHS, how)
    together = pooled(hidden if at is None else hidden[at], LENGTHS, how)
    assert_close(together, torch.cat(alone))


def test_each_way_is_what_its_name_says() -> None:
    hidden = torch.tensor([[1.0, 8.0], [2.0, 0.0], [6.0, 1.0]])
    expected = {"mean": [3.0, 3.0], "max": [6.0, 8.0], "first": [1.0, 8.0], "last": [6.0, 1.0]}
    for how in WAYS:
        at = looked_at((3,), how)
        assert pooled(hidden if at is None else hidden[at], (3,), how).tolist() == [expected[how]]


def test_cosines_of_pairs_are_the_diagonal_of_the_table() -> None:
    one, other = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(1))
    assert_close(cosines(one, other), cosine_table(one, other).diagonal())
    assert_close(cosines(one, 3 * one), torch.ones(4))
