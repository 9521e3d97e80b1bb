"""What shares a query, a text or a pair of texts stays in one split, whatever else groups it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from luthier.data.load import Loaded, load
from luthier.data.rows import Row
from luthier.recipe.schema import DataSection

Record = dict[str, Any]


def write(path: Path, records: list[Record]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def open_data(wants: str, **section: Any) -> Loaded:
    return load(DataSection(**section), seed=0, wants=wants)


def graded(at: int) -> Record:
    return {"query": f"q{at // 4}", "document": f"d{at}", "relevance": at % 2, "site": at % 40}


def listed(at: int) -> Record:
    documents = [{"text": f"d{at}", "relevance": 1}, {"text": f"e{at}", "relevance": 0}]
    return {"query": f"q{at // 4}", "documents": documents, "site": at % 40}


def asked(at: int) -> Record:
    answers = {"text": ["stands"], "answer_start": [0]}
    return {
        "question": f"q{at}",
        "context": f"stands {at // 4}",
        "answers": answers,
        "site": at % 40,
    }


@pytest.mark.parametrize(
    ("wants", "record", "shared"),
    [("ranked", graded, "query"), ("ranked", listed, "query"), ("question", asked, "context")],
)
def test_a_group_of_the_users_own_tears_no_query_and_no_text_apart(
    tmp_path: Path, wants: str, record: Callable[[int], Record], shared: str
) -> None:
    file = write(tmp_path / "a.jsonl", [record(at) for at in range(400)])
    splits = open_data(wants, train=file, group_by="site").splits

    def held(rows: list[Row], name: str) -> set[str]:
        return {getattr(row, name) for row in rows}

    for name in (shared, "group"):
        train, test = held(splits.train, name), held(splits.test, name)
        assert not train & (test | held(splits.validation, name))
        assert test


def test_a_query_in_train_and_test_is_a_leak_also_with_other_groups(tmp_path: Path) -> None:
    files = {
        "train": write(tmp_path / "a.jsonl", [{**graded(at), "site": at} for at in range(8)]),
        "test": write(tmp_path / "t.jsonl", [{**graded(0), "document": "x", "site": 99}]),
    }
    loaded = open_data("ranked", **files, validation_share=0, group_by="site")
    assert [row.origin.line for row in loaded.splits.train] == [5, 6, 7, 8]
    assert loaded.ledger.dropped["group of train also in test"].count == 4


def test_pairs_turned_round_stay_in_one_split(tmp_path: Path) -> None:
    straight = [{"anchor": f"a{at}", "positive": f"b{at}"} for at in range(200)]
    turned = [{"anchor": row["positive"], "positive": row["anchor"]} for row in straight]
    splits = open_data("triplet", train=write(tmp_path / "a.jsonl", straight + turned)).splits
    for rows in (splits.train, splits.validation, splits.test):
        pairs = {(row.given(), row.target()) for row in rows}
        assert pairs
        assert pairs == {(right, left) for left, right in pairs}


def test_a_pair_turned_round_in_train_and_test_is_a_leak(tmp_path: Path) -> None:
    files = {
        "train": write(tmp_path / "a.jsonl", [{"anchor": "a", "positive": x} for x in "bcd"]),
        "test": write(tmp_path / "t.jsonl", [{"anchor": "c", "positive": "a"}]),
    }
    loaded = open_data("triplet", **files, validation_share=0)
    assert [row.target() for row in loaded.splits.train] == ["b", "d"]


def test_a_text_that_is_right_for_many_ties_none_of_them(tmp_path: Path) -> None:
    records = [{"anchor": f"a{at}", "positive": f"b{at % 5}"} for at in range(300)]
    splits = open_data("triplet", train=write(tmp_path / "a.jsonl", records)).splits
    assert min(map(len, (splits.validation, splits.test))) > 15
