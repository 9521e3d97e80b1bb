"""Experience that several updates share: handed out again, and kept to the bit in a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import tiny
from tests.contracts.cases import case

from luthier.core.events import Explored, Finished, Updated
from luthier.data.features import Features
from luthier.engine.experience import imagined, packed, unpacked
from luthier.objectives import Roles, objectives


def test_rows_come_back_from_tensors_as_they_were() -> None:
    rows = [
        Features(
            row=n,
            input_ids=np.arange(n + 3, dtype=np.int32),
            loss_weights=np.full(n + 3, 0.5, np.float32),
            label=n,
            sequences=(1, n + 2),
            arrays={"old": np.array([0.25, np.nan], np.float32)},
            per_token={"x": np.arange(n + 3)},
        )
        for n in range(12)
    ]
    found = unpacked(packed(rows))
    assert [(item.row, item.label, item.sequences) for item in found] == [
        (item.row, item.label, item.sequences) for item in rows
    ]
    for item, other in zip(found, rows, strict=True):
        np.testing.assert_array_equal(item.input_ids, other.input_ids)
        np.testing.assert_array_equal(item.arrays["old"], other.arrays["old"])
        np.testing.assert_array_equal(item.per_token["x"], other.per_token["x"])


def test_one_exploration_serves_as_many_updates_as_the_objective_says(tmp_path: Path) -> None:
    found = case("lora", "grpo")
    events = found.fit(tmp_path, max_steps=5, epochs=9)
    assert [event.step for event in events if isinstance(event, Explored)] == [1, 3, 5]
    updates = [event for event in events if isinstance(event, Updated)]
    assert len(updates) == 5
    assert {"reward", "kl", "entropy", "completion_tokens", "truncated_share"} <= {
        *updates[0].metrics
    }
    assert updates[0].metrics["reward"] == updates[1].metrics["reward"]


def test_an_epoch_explores_every_prompt_once(tmp_path: Path) -> None:
    found = case("lora", "grpo")  # two updates with each batch
    events = found.fit(tmp_path, epochs=1, spike_factor=0.0)
    explored = [event for event in events if isinstance(event, Explored)]
    assert len({line["row"] for event in explored for line in event.rollouts}) == len(found.prompts)
    updates = [event for event in events if isinstance(event, Updated)]
    assert len(updates) == 2 * len(explored) == 6
    assert [event.epoch for event in updates][1::2] == pytest.approx([1 / 3, 2 / 3, 1])


def test_tokens_that_end_a_run_are_those_the_model_wrote_too(tmp_path: Path) -> None:
    found = case("lora", "grpo")
    most = 2 * sum(item.num_tokens for item in found.prompts)
    events = found.fit(tmp_path, epochs=9, max_tokens=most, spike_factor=0.0)
    updates = [event for event in events if isinstance(event, Updated)]
    assert updates[-1].total_tokens >= most > updates[-2].total_tokens
    ended = events[-1]
    assert isinstance(ended, Finished)
    assert ended.why == "max_tokens"


def test_what_is_recorded_names_the_row_and_its_score(tmp_path: Path) -> None:
    found = case("lora", "grpo")
    job_name = "rows.jsonl line {}".format
    events = found.fit(tmp_path, max_steps=1, row_name=job_name)
    explored = next(event for event in events if isinstance(event, Explored))
    assert len(explored.rollouts) == 3 * 3
    assert all(line["row"].startswith("rows.jsonl line ") for line in explored.rollouts)
    assert {"completion", "score", "advantage", "tokens", "truncated"} <= {*explored.rollouts[0]}


def test_memory_is_tried_with_rows_as_long_as_they_can_get(tmp_path: Path) -> None:
    job = case("lora", "grpo").job(tmp_path)
    trial = imagined(job)
    assert len(trial.train) == 3 * len(job.train)
    assert trial.plan.batch_size == 3 * job.plan.batch_size
    assert trial.train[0].num_tokens == job.train[0].num_tokens + 4
    learned = case("lora", "sft").job(tmp_path)
    assert imagined(learned) is learned


@pytest.mark.parametrize("name", ["grpo", "ppo"])
@pytest.mark.parametrize("length", [200, 256])
def test_what_is_tried_stays_within_the_context(name: str, length: int) -> None:
    """Learned positions end there: a longer row would be no trial, but a crash."""
    bundle = tiny.bundle("gpt2")
    context = bundle.facts.context_length
    assert context == 256
    kind: Any = objectives.get(name)
    objective = kind(kind.Config(grader={"name": "length"}, max_new_tokens=100, beta=0.0))
    prompt = Features(0, np.resize(np.arange(5, 55), length).astype(np.int32))
    rows = objective.imagine(prompt, context=context)
    assert {item.num_tokens for item in rows} == {context}
    assert all(item.num_trained == max(context - length, 1) for item in rows)
    models = Roles(bundle, companion=objective.companion(bundle))
    assert objective.loss(models, objective.collate(rows)).count > 0
