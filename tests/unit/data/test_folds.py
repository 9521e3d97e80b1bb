"""Folds are even, keep together what is tied, and do not move when rows are appended."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.core.errors import DataError
from luthier.data.matching.keyed import keyed
from luthier.data.rows import Labeled, Origin, Row, Text
from luthier.data.splits.folds import folds


def rows_of(counts: dict[str, int], *, group: int = 0) -> list[Row]:
    return [
        Labeled(
            origin=Origin("f", i + 1),
            text=f"{label} {i}",
            label=label,
            group=f"{label}{i % group}" if group else "",
        )
        for label, count in counts.items()
        for i in range(count)
    ]


@settings(max_examples=40)
@given(number=st.integers(2, 6), count=st.integers(30, 90), prefix=st.text(max_size=3))
def test_every_class_is_shared_out_evenly(number: int, count: int, prefix: str) -> None:
    rows = rows_of({f"{prefix}a": count, f"{prefix}b": 12})
    fold_N = folds(keyed(rows), number)
    for label, total in (("a", count), ("b", 12)):
        held = Counter(
            int(fold)
            for row, fold in zip(rows, fold_N, strict=True)
            if row.target() == f"{prefix}{label}"
        )
        assert max(held.values()) - min(held[fold] for fold in range(number)) <= 1
        assert sum(held.values()) == total


@settings(max_examples=40)
@given(old=st.integers(10, 60), new=st.integers(0, 60))
def test_appended_rows_move_none(old: int, new: int) -> None:
    rows: list[Row] = [Text(origin=Origin("f", i), text=f"t{i}") for i in range(old + new)]
    np.testing.assert_array_equal(folds(keyed(rows), 5)[:old], folds(keyed(rows[:old]), 5))


def test_rows_of_a_group_are_in_one_fold() -> None:
    rows = rows_of({"a": 60}, group=12)
    fold_N = folds(keyed(rows), 4)
    of_group = {(row.group, int(fold)) for row, fold in zip(rows, fold_N, strict=True)}
    assert len(of_group) == 12
    assert Counter(fold for _, fold in of_group) == {0: 3, 1: 3, 2: 3, 3: 3}


def test_too_few_rows_for_the_folds_are_refused() -> None:
    with pytest.raises(DataError, match="2 rows that need not stay together: too few for 3 folds"):
        folds(keyed(rows_of({"a": 20}, group=2)), 3)
