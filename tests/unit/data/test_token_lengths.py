"""How long rows are in tokens, and what is told of those that are too long."""

import numpy as np

from luthier.data.features import Features
from luthier.data.rows import Origin, Text
from luthier.data.token_lengths import TokenLengths, too_long


def row(number: int, prompt: int, answer: int) -> Features:
    weights = np.array([0.0] * prompt + [1.0] * answer, np.float32)
    return Features(number, np.arange(prompt + answer, dtype=np.int32), weights)


def added(*rows: Features, limit: int = 10, context: int = 64) -> TokenLengths:
    found = TokenLengths(limit, context)
    for item in rows:
        found.add(item, f"rows.jsonl line {item.row + 1}")
    return found


def test_every_policy_says_what_becomes_of_how_many_rows() -> None:
    # of 8 + 4 the prompt can be cut and the tail too; of 12 + 2 the tail holds the whole answer;
    # of 2 + 14 there is one token of prompt to spare, which is too little
    found = added(row(0, 8, 4), row(1, 12, 2), row(2, 2, 14), row(3, 4, 6))
    assert found.num_too_long == 3
    effects = found.effects
    assert effects["error"].words() == "stops at 3"
    assert effects["truncate_prompt"].words() == "shortens 2, stops at 1"
    assert effects["truncate_tail"].words() == "shortens 2, stops at 1"
    assert effects["drop"].words() == "drops 3"
    assert effects["drop"].lost_tokens == 12 + 14 + 16
    assert effects["truncate_prompt"].lost_tokens == 2 + 4
    assert effects["split"].split == 2
    assert effects["split"].pieces == 4


def test_limit_and_context_part_the_histogram() -> None:
    found = added(row(0, 4, 6), row(1, 4, 7), row(2, 30, 34), row(3, 30, 35))
    bins = dict(found.histogram())
    assert {8: 1, 11: 1, 64: 1, 65: 1}.items() <= bins.items()
    assert sum(bins.values()) == 4


def test_what_is_shown_are_the_longest_rows() -> None:
    found = added(*(row(number, 11 + number, 2) for number in range(8)))
    rows = [Text(origin=Origin("a.txt", n), text=f"row {n}") for n in range(8)]
    (finding,) = too_long(found, rows, what="m reads (10 tokens)", policy="error")
    assert finding.count == 8
    assert [shown.text for shown in finding.shown] == [f"row {n}" for n in (7, 6, 5, 4, 3)]
    assert finding.shown[0].beside == "20 tokens"
    assert finding.is_certain
    (chosen,) = too_long(found, rows, what="m reads (10 tokens)", policy="drop")
    assert not chosen.is_certain
    assert chosen.remedy.startswith("data.on_overflow=drop drops 8; else ")


def test_rows_within_the_limit_are_no_finding() -> None:
    assert list(too_long(added(row(0, 4, 6)), [], what="m", policy="error")) == []
    assert list(too_long(added(), [], what="m", policy="error")) == []
