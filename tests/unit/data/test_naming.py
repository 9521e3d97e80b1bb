"""Runs are named after their data, whatever stands for it."""

import pytest

from luthier.data.naming import plain_name


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a/tickets.jsonl", "tickets"),
        ("tickets.2024.jsonl.gz", "tickets.2024"),
        ("rows.tar.gz", "rows"),
        ("~/data/tickets/", "tickets"),
        ("tickets/*.jsonl", "tickets"),
        ("*.jsonl", "run"),
        ("häufige Fragen.csv", "häufige-Fragen"),
        ("all.json#train", "all"),
        ("https://host/a/rows.csv?version=2", "rows"),
        ("sqlite:///t.db#SELECT a/b FROM t", "t"),
        ("x" * 100, "x" * 60),
    ],
)
def test_a_name_is_that_of_the_file_alone(given: str, name: str) -> None:
    assert plain_name(given) == name
