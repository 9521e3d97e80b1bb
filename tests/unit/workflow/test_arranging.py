"""Rows that become other units: what is counted, said and chosen."""

from __future__ import annotations

from typing import Any

import pytest
from tests import tiny

from luthier.data.ledger import Ledger
from luthier.data.rows import Candidate, Origin, Ranked
from luthier.models.codec import codec_of
from luthier.objectives import objectives
from luthier.recipe.load import read
from luthier.recipe.resolve import Settled
from luthier.workflow.arranging import arranged, settle_units, without_idle
from luthier.workflow.stages import Stages

WORDS = codec_of(tiny.word_tokenizer())


def row(line: int, query: str, score: float) -> Ranked:
    documents = (Candidate(f"red {line}", score),)
    return Ranked(origin=Origin("a", line), query=query, documents=documents)


ROWS = [row(n, f"{n // 4}", float(n % 4 == 0 and n < 40)) for n in range(44)]
"""Eleven queries of four documents, the last without a relevant one."""


def rank(**settings: Any) -> Any:
    kind = objectives.get("rank")
    config = kind.Config(**settings)
    found = {key: value for key, (value, _) in kind.resolve(config, ROWS).items()}
    return kind(config.model_copy(update=found))


def test_rows_that_teach_nothing_are_dropped_and_counted() -> None:
    objective, ledger = rank(loss="pairwise"), Ledger()
    ledger.used["train"] = len(ROWS)
    features = [objective.prepare(row, WORDS, index=at) for at, row in enumerate(ROWS)]
    names = [str(row.origin) for row in ROWS]
    left = without_idle(objective, features, names, split="train", ledger=ledger)
    assert [item.row for item in left] == list(range(40))
    ((reason, counted),) = ledger.dropped.items()
    assert "nothing to compare" in reason
    assert (counted.count, counted.examples[0]) == (4, "a line 40")
    assert ledger.used["train"] == 40


@pytest.mark.parametrize(("loss", "units", "size"), [("listwise", 10, 2), ("pointwise", 40, 10)])
def test_updates_are_counted_in_units(loss: str, units: int, size: int) -> None:
    objective, lines = rank(loss=loss), list[Any]()
    features = [objective.prepare(row, WORDS, index=at) for at, row in enumerate(ROWS[:40])]
    found = arranged(objective, features)
    assert len(found) == units
    settled = Settled(*read({"objective": "rank", "data": {"train": "a"}, "model": "m"}))
    settle_units(settled, objective, features, found, Stages(lines.append))
    assert settled.get("training.batch_size") == size
    assert any(f"learned from as {units}" in str(line) for line in lines) == (units != 40)


def test_other_objectives_learn_from_rows() -> None:
    kind = objectives.get("classify")
    assert arranged(kind(kind.Config()), []) == []
