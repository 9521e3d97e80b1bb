"""The parity gate looks at several rows, however few of them were kept for the test."""

from __future__ import annotations

import numpy as np

from luthier.data.features import Features
from luthier.workflow.training import NUM_PARITY_PROMPTS, parity_rows


def rows(first: int, num: int) -> list[Features]:
    return [Features(index, np.array([1, 2], np.int32)) for index in range(first, first + num)]


def test_few_test_rows_are_filled_up_from_the_other_splits() -> None:
    found = parity_rows({"train": rows(20, 9), "validation": rows(10, 1), "test": rows(0, 1)})
    assert [item.row for item in found] == [0, 10, 20, 21]
    assert len(found) == NUM_PARITY_PROMPTS


def test_enough_test_rows_are_taken_alone() -> None:
    found = parity_rows({"train": rows(20, 9), "validation": rows(10, 9), "test": rows(0, 9)})
    assert [item.row for item in found] == [0, 1, 2, 3]


def test_a_run_without_held_out_rows_is_compared_on_training_rows() -> None:
    found = parity_rows({"train": rows(20, 3), "validation": [], "test": []})
    assert [item.row for item in found] == [20, 21, 22]
