"""Splits keep their promises: shares, classes, groups, and no row moves when rows are added."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.core.errors import DataError
from luthier.data.matching.keyed import keyed
from luthier.data.rows import Labeled, Multilabeled, Origin, Row, Tagged, Text
from luthier.data.splits.split import Shares
from luthier.data.splits.split import split as split_keyed

TENTHS = Shares(validation=0.1, test=0.1)


def split(rows: list[Row], shares: Shares) -> dict[str, list[Row]]:
    return {name: list(part) for name, part in split_keyed(keyed(rows), shares).items()}


def texts(count: int, prefix: str = "t") -> list[Row]:
    return [Text(origin=Origin("f", i + 1), text=f"{prefix}{i}") for i in range(count)]


def labelled(counts: dict[str, int]) -> list[Row]:
    return [
        Labeled(origin=Origin("f", i + 1), text=f"{label} {i}", label=label)
        for label, count in counts.items()
        for i in range(count)
    ]


def where(parts: dict[str, list[Row]]) -> dict[str, str]:
    return {item.key(): name for name, rows in parts.items() for item in rows}


@settings(max_examples=50)
@given(old=st.integers(10, 120), new=st.integers(0, 120), prefix=st.text(max_size=3))
def test_appended_rows_move_no_old_row(old: int, new: int, prefix: str) -> None:
    before = where(split(texts(old, prefix), TENTHS))
    after = where(split(texts(old + new, prefix), TENTHS))
    assert before == {key: after[key] for key in before}


@settings(max_examples=50)
@given(counts=st.lists(st.integers(1, 60), min_size=2, max_size=5), prefix=st.text(max_size=3))
def test_appended_rows_move_no_old_labelled_row(counts: list[int], prefix: str) -> None:
    rows = labelled({f"{prefix}{i}": count for i, count in enumerate(counts)})
    rows += labelled({"x": 20})
    before = where(split(rows, TENTHS))
    after = where(split(rows + labelled({"y": 30, f"{prefix}0!": 40}), TENTHS))
    assert before == {key: after[key] for key in before}


def with_labels(names: list[set[str]]) -> list[Row]:
    return [
        Multilabeled(origin=Origin("f", i + 1), text=f"t{i}", labels=tuple(sorted(held)))
        for i, held in enumerate(names)
    ]


def with_types(names: list[set[str]]) -> list[Row]:
    found: list[Row] = []
    for i, held in enumerate(names):
        words = ("the", *(f"{name}{i}" for name in sorted(held)), f"t{i}")
        tags = ("O", *(f"B-{name}" for name in sorted(held)), "O")
        found.append(Tagged(origin=Origin("f", i + 1), tokens=words, tags=tags))
    return found


@pytest.mark.parametrize("build", [with_labels, with_types])
@settings(max_examples=50)
@given(names=st.lists(st.sets(st.sampled_from("abcdefgh"), max_size=2), min_size=40, max_size=80))
def test_what_is_first_to_bring_a_label_or_a_type_is_in_train(build, names) -> None:
    rows = build(names)
    parts = split(rows, TENTHS)
    learned = {name for item in parts["train"] for name in item.brings()}
    assert learned == set().union(*names)
    assert min(map(len, parts.values())) >= 1
    more = build([*names, {"new"}, {"a"}, {"new", "b"}, set()])
    before, after = where(parts), where(split(more, TENTHS))
    assert before == {key: after[key] for key in before}


@settings(max_examples=50)
@given(count=st.integers(10, 400), prefix=st.text(max_size=3))
def test_shares_are_kept_within_a_few_rows(count: int, prefix: str) -> None:
    parts = split(texts(count, prefix), TENTHS)
    for name in ("validation", "test"):
        assert abs(len(parts[name]) - 0.1 * count) <= 1.5 * max(2, (0.1 * count) ** 0.5) + 1
        assert len(parts[name]) >= 1
    assert sum(map(len, parts.values())) == count


def test_every_class_is_in_train_and_near_its_share_elsewhere() -> None:
    counts = {"a": 200, "b": 50, "c": 10, "d": 1}
    parts = split(labelled(counts), TENTHS)
    per_class = {
        name: Counter(item.label for item in rows)  # type: ignore[attr-defined]
        for name, rows in parts.items()
    }
    assert set(per_class["train"]) == set(counts)
    for label, count in counts.items():
        assert abs(per_class["test"][label] - 0.1 * count) <= 3
    assert per_class["test"]["c"] >= 1
    assert per_class["validation"]["c"] >= 1


def test_most_rows_stay_where_they_are_when_the_file_is_shuffled() -> None:
    rows = texts(1000)
    straight, reverse = where(split(rows, TENTHS)), where(split(rows[::-1], TENTHS))
    assert sum(straight[key] == reverse[key] for key in straight) > 950


def test_a_group_stays_in_one_split() -> None:
    rows = [Text(origin=Origin("f", i + 1), group=f"g{i % 40}", text=f"t{i}") for i in range(400)]
    parts = split(rows, TENTHS)
    groups = {name: {item.group for item in held} for name, held in parts.items()}
    assert not groups["train"] & groups["test"]
    assert not groups["train"] & groups["validation"]
    assert not groups["validation"] & groups["test"]
    assert all(groups.values())


def test_rows_with_the_same_input_stay_together() -> None:
    rows = [Labeled(origin=Origin("f", i), text=f"t{i // 2}", label=f"{i % 2}") for i in range(200)]
    parts = split(rows, TENTHS)
    inputs = {name: {item.input_key() for item in held} for name, held in parts.items()}
    assert not inputs["train"] & inputs["test"]
    assert not inputs["train"] & inputs["validation"]


def grouped(pairs: list[tuple[str, str]]) -> list[Row]:
    """Rows of (group, text), each with a label of its own, so that none repeats another."""
    return [
        Labeled(origin=Origin("f", i + 1), group=group, text=text, label=f"{i}")
        for i, (group, text) in enumerate(pairs)
    ]


def test_an_input_in_two_groups_ties_them() -> None:
    pairs = [(f"{half}{i}", f"t{i}") for half in "ab" for i in range(100)]
    parts = split(grouped(pairs), TENTHS)
    assert min(map(len, parts.values())) >= 2
    for held in (lambda item: item.input_key(), lambda item: item.group):
        found = {name: {held(item) for item in rows} for name, rows in parts.items()}
        assert not found["train"] & found["test"]
        assert not found["train"] & found["validation"]
        assert not found["validation"] & found["test"]


@settings(max_examples=50)
@given(
    pairs=st.lists(
        st.tuples(st.sampled_from(["", *"abcdefghijklmnop"]), st.integers(0, 60)), min_size=60
    )
)
def test_neither_input_nor_group_is_in_two_splits(pairs: list[tuple[str, int]]) -> None:
    try:
        parts = split(grouped([(group, f"t{text}") for group, text in pairs]), TENTHS)
    except DataError:
        return  # everything hangs together
    seen: dict[str, str] = {}
    for name, rows in parts.items():
        for item in rows:
            ties = [item.input_key(), *([item.group] if item.group else [])]
            assert {seen.setdefault(tie, name) for tie in ties} == {name}


def test_appended_rows_move_no_old_group_unless_they_tie_two() -> None:
    pairs = [(f"g{i % 50}", f"t{i}") for i in range(200)]
    before = where(split(grouped(pairs), TENTHS))
    more = [(f"g{i % 60}", f"u{i}") for i in range(120)]
    after = where(split(grouped(pairs + more), TENTHS))
    assert before == {key: after[key] for key in before}


def test_what_holds_over_half_of_all_rows_goes_to_train() -> None:
    for prefix in range(30):
        pairs = [(f"{prefix} {i}", f"t{i}") for i in range(20)]
        pairs += [(f"{prefix} big {i % 5}", f"same {i // 5}") for i in range(50)]
        parts = split(grouped(pairs), TENTHS)
        assert sum("big" in item.group for item in parts["train"]) == 50
        assert min(map(len, parts.values())) >= 1


@pytest.mark.parametrize("count", [1, 9])
def test_too_few_rows_to_split_are_refused_with_a_way_out(count: int) -> None:
    with pytest.raises(
        DataError, match=r"at least 10.*\n.*data\.validation and data\.test.*test rows cannot"
    ):
        split(texts(count), TENTHS)


def test_ten_rows_are_enough() -> None:
    for prefix in range(50):
        parts = split(texts(10, f"{prefix} "), TENTHS)
        assert min(map(len, parts.values())) >= 1


def test_no_shares_leave_every_row_in_train() -> None:
    assert len(split(texts(1), Shares(validation=0.0, test=0.0))["train"]) == 1


def test_rows_of_a_single_input_cannot_be_split() -> None:
    rows = [Labeled(origin=Origin("f", i), text="t", label=f"{i}") for i in range(20)]
    with pytest.raises(DataError, match=r"there is 1 different one\)"):
        split(rows, TENTHS)
