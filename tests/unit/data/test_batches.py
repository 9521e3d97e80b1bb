"""The order is a pure function; steps cover every row once per epoch; micro-batches fit."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from luthier.data.batches import micro_batches, steps, steps_per_epoch
from luthier.data.order import easiest_first, order


@given(st.integers(0, 300), st.integers(0, 5), st.integers(0, 5))
def test_the_order_is_a_permutation_and_the_same_every_time(n: int, seed: int, epoch: int) -> None:
    found = order(n, seed=seed, epoch=epoch)
    assert sorted(found.tolist()) == list(range(n))
    assert np.array_equal(found, order(n, seed=seed, epoch=epoch))


def test_the_order_never_changes_between_versions() -> None:
    assert order(8, seed=0, epoch=0).tolist() == [7, 6, 3, 1, 5, 0, 4, 2]


def test_epochs_and_seeds_have_their_own_order() -> None:
    orders = {tuple(order(50, seed=seed, epoch=epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_every_place_is_equally_likely() -> None:
    first = [int(order(10, seed=seed, epoch=0)[0]) for seed in range(2000)]
    assert np.bincount(first, minlength=10).min() > 150  # 200 expected, standard deviation 13


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 3), st.integers(0, 70))
def test_steps_cover_each_epoch_once_and_can_start_anywhere(
    n: int, batch_size: int, epochs: int, start: int
) -> None:
    stop = epochs * steps_per_epoch(n, batch_size=batch_size)
    whole = list(steps(n, batch_size=batch_size, seed=1, stop=stop))
    for epoch in range(epochs):
        rows = [row for step in whole if step.epoch == epoch for row in step.rows]
        assert sorted(rows) == list(range(n))
    assert all(0 < len(step.rows) <= batch_size for step in whole)
    start = min(start, stop)
    assert list(steps(n, batch_size=batch_size, seed=1, start=start, stop=stop)) == whole[start:]


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 100))
def test_micro_batches_hold_every_row_once_within_the_limit(lengths: list[int], limit: int) -> None:
    groups = micro_batches(lengths, max_tokens=limit)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        assert group
        assert len(group) == 1 or sum(lengths[index] for index in group) <= limit


def test_micro_batches_put_similar_lengths_together() -> None:
    assert micro_batches([1, 9, 2, 8, 9, 1], max_tokens=18) == [[1, 4], [3, 2, 0, 5]]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(50, 200))
def test_micro_batches_are_as_few_as_filling_up_gives_and_even(
    lengths: list[int], limit: int
) -> None:
    groups = micro_batches(lengths, max_tokens=limit)
    largest = max(sum(lengths[index] for index in group) for group in groups)
    assert len(micro_batches(lengths, max_tokens=limit + 1)) <= len(groups)
    assert len(micro_batches(lengths, max_tokens=largest)) == len(groups)
    assert largest < sum(lengths) / len(groups) + max(lengths)


def test_what_is_left_over_is_spread() -> None:
    groups = micro_batches([100] * 8, max_tokens=700)
    assert [len(group) for group in groups] == [4, 4]


def test_rows_of_a_family_stand_side_by_side_longest_first() -> None:
    lengths = [5, 9, 6, 2, 9, 4]
    families = [0, 1, 0, 1, 2, 2]
    (group,) = micro_batches(lengths, max_tokens=100, families=families)
    assert group == [1, 3, 4, 5, 2, 0]
    cut = micro_batches(lengths, max_tokens=13, families=families)
    assert sorted(at for part in cut for at in part) == list(range(6))
    assert all(sum(lengths[at] for at in part) <= 13 for part in cut)


def test_rows_without_relatives_are_cut_as_if_families_were_not_named() -> None:
    lengths = [5, 9, 6, 2, 9, 4]
    alone = micro_batches(lengths, max_tokens=12, families=range(6))
    assert alone == micro_batches(lengths, max_tokens=12)


@given(st.permutations(list(range(40))), st.integers(0, 3))
def test_easy_rows_come_first_and_every_row_comes_once(easy_first: list[int], seed: int) -> None:
    found = easiest_first(easy_first, seed=seed).tolist()
    assert sorted(found) == list(range(40))
    rank = {row: place for place, row in enumerate(easy_first)}
    for at, row in enumerate(found):
        share = math.sqrt(at / 40 * (1 - 0.01**2) + 0.01**2)  # equation 7
        assert rank[row] < max(math.ceil(share * 40), at + 1)


def test_the_first_epoch_alone_goes_from_easy_to_hard() -> None:
    easy_first = list(range(1000))
    whole = list(steps(1000, batch_size=10, seed=0, stop=200, easy_first=easy_first))
    means = [np.mean([row for step in whole[at : at + 20] for row in step.rows]) for at in (0, 80)]
    assert means[0] < 300 < 700 < means[1]
    assert whole[100:] == list(steps(1000, batch_size=10, seed=0, start=100, stop=200))
    part = steps(1000, batch_size=10, seed=0, start=37, stop=200, easy_first=easy_first)
    assert list(part) == whole[37:]


def test_the_order_from_easy_to_hard_never_changes_between_versions() -> None:
    assert easiest_first(range(8), seed=0).tolist() == [0, 2, 1, 3, 5, 6, 4, 7]
