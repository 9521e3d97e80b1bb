"""The demo data keeps to its own labelling rules."""

from __future__ import annotations

import csv
import json
import re
from itertools import combinations

import pytest

from luthier.demo import classify_file, support_file

KEYS = ["intent", "product", "urgency", "summary"]
Rows = list[tuple[str, dict[str, str]]]
PRODUCTS = {"Dustrel", "Fennick", "Nimbrel", "Quorrel", "Vellby", "Plus", "none"}


@pytest.fixture(scope="module")
def rows() -> list[tuple[str, dict[str, str]]]:
    lines = support_file().read_text(encoding="utf-8").splitlines()
    messages = [json.loads(line)["messages"] for line in lines]
    assert all([m["role"] for m in pair] == ["user", "assistant"] for pair in messages)
    return [(user["content"], json.loads(answer["content"])) for user, answer in messages]


def test_every_answer_has_the_four_keys_in_one_order(rows: Rows) -> None:
    assert len(rows) >= 500
    assert all(list(answer) == KEYS for _, answer in rows)


def test_every_value_is_one_the_readme_explains(rows: Rows) -> None:
    readme = support_file().with_name("README.md").read_text(encoding="utf-8")
    for _, answer in rows:
        assert all(f"`{answer[key]}`" in readme for key in ("intent", "product", "urgency"))
    assert {answer["product"] for _, answer in rows} == PRODUCTS


def test_summaries_are_short_and_hold_no_order_numbers(rows: Rows) -> None:
    for _, answer in rows:
        assert 1 <= len(answer["summary"].split()) <= 10
        assert "TM-" not in answer["summary"]


def test_praise_and_product_questions_are_never_urgent(rows: Rows) -> None:
    calm = [a["urgency"] for _, a in rows if a["intent"] in ("praise", "product_question")]
    assert set(calm) == {"low"}


def test_no_two_messages_are_alike(rows: Rows) -> None:
    shingles = [_shingles(text) for text, _ in rows]
    assert max(len(a & b) / len(a | b) for a, b in combinations(shingles, 2)) < 0.5


def test_messages_hold_no_addresses_or_links(rows: Rows) -> None:
    assert not [text for text, _ in rows if re.search(r"\S@\S|https?:|www\.", text)]


def test_the_csv_holds_every_message_with_its_intent(rows: Rows) -> None:
    with classify_file().open(newline="", encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    assert [(row["text"], row["label"]) for row in written] == [(t, a["intent"]) for t, a in rows]


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))}
