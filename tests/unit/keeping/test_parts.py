"""Rows beside the main ones: which, when, and what they weigh."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from tests.unit.keeping.arranged import arranged, build, general
from tests.unit.keeping.test_penalties import NO_LIMIT, gradients
from torch.testing import assert_close

from luthier.core.events import Updated
from luthier.data.order import order
from luthier.objectives import Part


def test_rows_are_a_pure_function_of_seed_and_step_and_come_equally_often() -> None:
    found, _ = arranged("lora", "sft", [])
    part = Part("other", found.objective, found.features, 2.5)
    drawn = [[item.row for item in part.rows(step, seed=3)] for step in range(16)]
    assert [len(rows) for rows in drawn[:4]] == [2, 3, 2, 3]
    assert Counter(row for rows in drawn for row in rows) == dict.fromkeys(range(8), 5)
    assert drawn[7] == [item.row for item in part.rows(7, seed=3)]
    assert drawn != [[item.row for item in part.rows(step, seed=4)] for step in range(16)]


def test_a_large_source_is_put_in_order_once_in_an_epoch() -> None:
    found, _ = arranged("lora", "sft", [])
    number, start = 300_000, perf_counter()
    order(number, seed=1, epoch=0)
    once, start = perf_counter() - start, perf_counter()
    part = Part("large", found.objective, found.features[:1] * number, 4.0)
    assert sum(len(part.rows(step, seed=3)) for step in range(50)) == 200
    assert perf_counter() - start < 40 * once


def test_replay_trains_the_update_that_holds_both_kinds_of_rows() -> None:
    option = build("replay", share=0.5)
    found, fields = arranged("full", "sft", [option])
    assert option.parts()[0].rows_per_update == found.plan.batch_size
    together, measured = gradients(found, fields)
    beside = option.parts()[0].rows(0, seed=found.seed)
    expected, _ = gradients_of(found, [*found.features, *beside])
    assert_close(together, expected, rtol=1e-4, atol=1e-6)
    alone = found.loss(beside)
    assert measured.metrics["loss/replay"] == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize("max_tokens", [NO_LIMIT, 25])
@pytest.mark.parametrize("tuner", ["full", "lora"])
def test_what_counts_differently_is_a_mean_of_its_own_by_its_share_of_rows(
    tuner: str, max_tokens: int
) -> None:
    option = build("replay", share=0.4)
    found, fields = arranged(tuner, "dpo", [option])
    found.disturb()
    beside = option.parts()[0].rows(0, seed=found.seed)
    assert (len(found.features), len(beside)) == (8, 2)
    together, measured = gradients(found, fields, max_tokens=max_tokens)
    pairs, pairs_alone = gradients_of(found, found.features)
    found.objective = option.parts()[0].objective
    tokens, tokens_alone = gradients_of(found, beside)
    for name, gradient in together.items():
        expected = 0.8 * pairs[name] + 0.2 * tokens[name]
        assert_close(gradient, expected, rtol=1e-4, atol=2e-6)
    assert measured.loss == pytest.approx(0.8 * pairs_alone.loss + 0.2 * tokens_alone.loss)
    assert measured.metrics["loss/replay"] == pytest.approx(tokens_alone.loss, rel=1e-5)


def test_a_penalty_is_added_to_the_mean_of_sources_that_count_differently() -> None:
    replay, pull = build("replay", share=0.4), build("l2_sp", weight=0.3)
    found, fields = arranged("full", "dpo", [replay, pull])
    start = found.parameters()
    found.disturb()
    now = found.parameters()
    held, _ = gradients(found, fields)
    plain, _ = gradients(found, {**fields, "keepers": [replay]})
    for name, gradient in held.items():
        expected = plain[name] + 0.3 * (now[name] - start[name])
        assert_close(gradient, expected, rtol=1e-4, atol=2e-6)


def gradients_of(found: Any, features: Any) -> Any:
    found.features = features
    return gradients(found, {})


def test_a_share_of_rows_is_that_share_over_the_run(tmp_path: Path) -> None:
    option = build("replay", share=0.2)
    found, fields = arranged("lora", "sft", [option])
    part = option.parts()[0]
    assert part.rows_per_update == pytest.approx(found.plan.batch_size / 4)
    events = found.fit(tmp_path, **fields)
    told = [event.metrics for event in events if isinstance(event, Updated)]
    assert sum("loss/replay" in metrics for metrics in told) == 4  # 0.75 rows an update, 6 updates
    assert len(general(found).features) == 3
