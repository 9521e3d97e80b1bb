"""What a continued run takes from its checkpoint, and what from the plan it is given now."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contracts.cases import case

from luthier.engine import checkpoint
from luthier.engine.optimizer import open_optimizer
from luthier.engine.progress import Progress
from luthier.engine.resume import resume, state_of


@pytest.mark.parametrize(
    ("planned", "expected"),
    [(64, 16), (32, 32), (128, 128), (0, 16)],
    ids=["the same plan", "a smaller plan", "a larger plan", "no plan"],
)
def test_the_micro_batch_is_what_memory_made_of_the_plan_unless_the_plan_is_another(
    planned: int, expected: int, tmp_path: Path
) -> None:
    found = case("lora", "sft")
    job = found.job(tmp_path, micro_batch_tokens=64)
    optimizer = open_optimizer(job)
    tensors = {
        checkpoint.WEIGHTS: job.tuner.state(job.bundle.model),
        checkpoint.OPTIMIZER: optimizer.state(),
    }
    halved_twice = state_of(job, Progress(step=2, micro_batch_tokens=16))
    checkpoint.write(checkpoint.step_folder(job.checkpoints, 2), 2, tensors, halved_twice)
    progress, _ = resume(found.job(tmp_path, micro_batch_tokens=planned), optimizer)
    assert (progress.step, progress.micro_batch_tokens) == (2, expected)
