"""Rows held at once follow from bytes, and memory stays below them."""

from __future__ import annotations

import torch
from tests import tiny

from luthier.generation.budget import plan, row_bytes, token_bytes


def test_the_bytes_of_a_token_are_its_keys_and_values_in_every_layer() -> None:
    layers, key_heads, width = 2, 2, 8
    config = tiny.config("llama")
    assert token_bytes(config, torch.float32) == 2 * layers * key_heads * width * 4
    assert token_bytes(config, torch.bfloat16) == 2 * layers * key_heads * width * 2
    all_heads = tiny.config("gpt2")
    assert token_bytes(all_heads, torch.float32) == 2 * layers * 4 * 8 * 4


def test_a_large_vocabulary_makes_a_row_dearer() -> None:
    small, large = tiny.config("llama"), tiny.config("llama", vocab_size=50_000)
    costs = [row_bytes(config, torch.float32, num_columns=10) for config in (small, large)]
    assert costs[1] - costs[0] >= (50_000 - 512) * 4


def test_rows_that_fit_at_once_share_one_room() -> None:
    assert plan([100, 9, 8], lambda columns: 300 // columns) == [(slice(0, 3), 3)]


def test_short_rows_do_not_wait_in_a_room_made_for_long_ones() -> None:
    needs = [100] * 5 + [10] * 50
    assert plan(needs, lambda columns: 200 // columns) == [(slice(0, 5), 2), (slice(5, 55), 20)]


def test_a_row_larger_than_the_budget_is_written_alone() -> None:
    assert plan([500, 400], lambda columns: 100 // columns) == [(slice(0, 2), 1)]
    assert plan([], lambda columns: columns) == []
