"""What the ledger says while a run reads: `Ledger.since`."""

from __future__ import annotations

from luthier.data.ledger import Ledger
from luthier.data.rows import Origin


def test_only_what_came_since_is_told_with_the_first_place() -> None:
    ledger = Ledger()
    ledger.drop("no text", Origin("a.jsonl", 1))
    before = ledger.counts()
    for line in (2, 3):
        ledger.drop("too short", Origin("a.jsonl", line))
    assert ledger.since(before) == ["left out: 2 rows, too short, such as a.jsonl line 2"]


def test_of_many_reasons_those_of_most_rows_are_told() -> None:
    ledger = Ledger()
    for reason in range(30):
        for line in range(reason + 1):
            ledger.drop(f"reason {reason}", Origin("a.jsonl", line))
    told = ledger.since({})
    assert [line.split(",")[1] for line in told[:2]] == [" reason 29", " reason 28"]
    assert told[12:] == [f"left out: {sum(range(1, 19))} rows, for 18 further reasons"]
