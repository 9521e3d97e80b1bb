"""Splits by time: nothing that is learned is later than what is tested."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.core.errors import DataError
from luthier.data.load import load
from luthier.data.matching.keyed import keyed
from luthier.data.rows import Origin, Row, Text
from luthier.data.splits.by_time import split_by_time
from luthier.data.splits.split import Shares
from luthier.data.times import time_of
from luthier.recipe.schema import DataSection


def rows_at(times: list[float], *, groups: int = 0) -> list[Row]:
    return [
        Text(
            origin=Origin("f", i + 1),
            text=f"t{i}",
            when=when,
            group=f"g{i % groups}" if groups else "",
        )
        for i, when in enumerate(times)
    ]


def whens(parts: dict[str, list[Row]], name: str) -> list[float]:
    return [row.when for row in parts[name]]


def split(rows: list[Row], shares: Shares) -> dict[str, list[Row]]:
    return {name: list(part) for name, part in split_by_time(keyed(rows), shares).items()}


@settings(max_examples=60)
@given(st.lists(st.integers(0, 400), min_size=60, max_size=200, unique=True))
def test_the_latest_rows_are_the_test_and_those_before_them_validation(times: list[int]) -> None:
    parts = split(rows_at([float(t) for t in times]), Shares(validation=0.1, test=0.2))
    assert len(parts["test"]) == round(0.2 * len(times))
    assert len(parts["validation"]) in (round(0.1 * len(times)), round(0.1 * len(times)) + 1)
    assert max(whens(parts, "train")) < min(whens(parts, "validation"))
    assert max(whens(parts, "validation")) < min(whens(parts, "test"))


def test_rows_of_one_time_are_not_parted() -> None:
    parts = split(rows_at([1.0] * 10 + [2.0] * 10 + [3.0] * 10), Shares(0.1, 0.1))
    assert [len(part) for part in parts.values()] == [10, 10, 10]


def test_a_group_stands_where_its_latest_row_does() -> None:
    parts = split(rows_at([float(n) for n in range(40)], groups=20), Shares(0.0, 0.1))
    assert whens(parts, "test") == [18.0, 19.0, 38.0, 39.0]


def test_one_time_for_all_is_refused() -> None:
    with pytest.raises(DataError, match=r"no row fell to train .*different times: 1"):
        split(rows_at([5.0] * 30), Shares(0.1, 0.1))


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2026-03-01", "2026-03-01T00:00:01"),
        ("2026-03-01T12:00:00+02:00", "2026-03-01T11:00:00Z"),
        ("1999-12-31 23:59", "2000-01-01"),
        (7, "8.5"),
        ("-3", 0),
    ],
)
def test_times_are_put_in_order_however_they_are_written(earlier: str, later: str) -> None:
    assert time_of(earlier, where="f") < time_of(later, where="f")


@pytest.mark.parametrize("value", ["yesterday", "", None, True, "03/01/2026", "nan", [1]])
def test_what_is_no_time_is_said_with_its_place(value: object) -> None:
    with pytest.raises(DataError, match=r"f line 3, at: got .*expected a date or time such as"):
        time_of(value, where="f line 3, at")


def test_a_recipe_splits_by_a_column(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    days = [(n * 7) % 30 + 1 for n in range(30)]  # each once, in disorder
    lines = [
        json.dumps({"text": f"text {n}", "label": "ab"[n % 2], "at": f"2026-01-{day:02d}"})
        for n, day in enumerate(days)
    ]
    file.write_text("\n".join(lines))
    found = load(DataSection(train=str(file), time_by="at"), seed=0)
    tested = {int(row.given().split()[1]) for row in found.splits.test}
    assert sorted(days[n] for n in tested) == [28, 29, 30]
    assert "split off train by time (data.time_by: at)" in found.description[-1]


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"text": "a", "label": "b", "date": "2026-01-01"}))
    with pytest.raises(
        DataError, match=r"'dat' \(data.time_by\) is not there; did you mean 'date'"
    ):
        load(DataSection(train=str(file), time_by="dat"), seed=0)
