"""How numbers read."""

from __future__ import annotations

import math

import pytest

from luthier.evaluation.metrics import metrics
from luthier.run import figures


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.44, "0.4 s"),
        (59.4, "59 s"),
        (60, "1 min 0 s"),
        (3599.6, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_seconds_read_in_the_unit_people_use(seconds: float, text: str) -> None:
    assert figures.of_seconds(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(10, "10 B"), (2048, "2.0 KiB"), (3 * 2**20, "3.0 MiB"), (2**31, "2.0 GiB")]
)
def test_bytes_read_in_the_unit_people_use(size: int, text: str) -> None:
    assert figures.of_bytes(size) == text


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_not_known_is_a_dash(value: float | None) -> None:
    shown = [
        figures.of_bytes(value),
        figures.of_seconds(value),
        figures.of_count(value),
        figures.of_number(value),
        figures.of_metric("accuracy", value),
        figures.of_difference("accuracy", value),
    ]
    assert set(shown) == {"–"}


def test_shares_read_in_percent_and_losses_do_not() -> None:
    assert figures.of_metric("macro_f1", 0.8125) == "81.2 %"
    assert figures.of_metric("nll", 0.8125) == "0.812"
    assert figures.of_difference("exact_match", -0.031) == "−3.1 points"
    assert figures.of_difference("nll", -0.031) == "−0.031"


def test_the_metric_of_the_verdict_comes_first() -> None:
    arms = {"base": {"nll": {}, "accuracy": {}}, "tuned": {"macro_f1": {}}}
    assert figures.metric_order(arms, "macro_f1") == ["macro_f1", "nll", "accuracy"]


def test_a_name_reads_like_words() -> None:
    assert figures.of_name("few_shot") == "few-shot"
    assert figures.of_name("macro_f1") == "macro F1"
    assert figures.of_name("json_fields") == "JSON fields"
    assert figures.of_name("rouge_l") == "ROUGE-L"
    assert figures.of_name("search_ndcg") == "search nDCG"


@pytest.mark.parametrize("name", metrics.names())
def test_an_arrow_says_of_every_metric_which_way_is_better(name: str) -> None:
    assert figures.is_lower_better(name) is not metrics.get(name).higher_is_better


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("peak_bytes", 569_307_136, "542.9 MiB"),
        ("seconds", 0.2702646386910601, "0.3 s"),
        ("tokens_per_second", 4197.7247746289395, "4,198"),
        ("steps", 6, "6"),
        ("train_loss", 6.577695702304359, "6.578"),
        ("state", "done", "done"),
        ("is_complete", True, "True"),
    ],
)
def test_a_fact_is_shown_with_its_unit_and_no_more_digits_than_anyone_reads(
    name: str, value: object, text: str
) -> None:
    assert figures.of_fact(name, value) == text


@pytest.mark.parametrize(
    ("part", "text"), [(1.0, "100 %"), (0.354, "35 %"), (0.035, "3.5 %"), (0.00042, "0.042 %")]
)
def test_a_part_of_a_whole_reads_with_two_figures(part: float, text: str) -> None:
    assert figures.of_part(part, 1.0) == text


@pytest.mark.parametrize(
    ("outcome", "rival", "text"),
    [
        ("better", "", "Better"),
        ("better", "better", "Better"),
        ("better", "no_evidence", "Better"),
        ("better", "worse", "Better than before, but a cheap rival wins"),
        ("worse", "worse", "Worse"),
        ("", "", "No verdict"),
    ],
)
def test_a_rival_that_wins_stands_in_the_heading(outcome: str, rival: str, text: str) -> None:
    assert figures.of_verdict({"outcome": outcome, "rival_outcome": rival}) == text


def test_every_file_has_its_own_fingerprint() -> None:
    identity = {"recipe": "1", "files": {"a.b.csv": "2"}, "changed_model": "3"}
    found = [("recipe", "1"), ("file a.b.csv", "2"), ("changed model", "3")]
    assert figures.fingerprints(identity) == found


def test_nested_settings_get_dotted_names() -> None:
    assert figures.flat({"a": {"b": {"c": 1}}, "d": 2}) == {"a.b.c": 1, "d": 2}
