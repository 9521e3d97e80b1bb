"""How many updates a plan takes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contracts.cases import PLAN

from luthier.engine.horizon import num_steps


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"epochs": 2.0}, (8, "epochs")),
        ({"epochs": 0.5}, (2, "epochs")),
        ({"epochs": 0.001}, (1, "epochs")),
        ({"epochs": 2.0, "max_steps": 3}, (3, "max_steps")),
        ({"epochs": 2.0, "max_steps": 8}, (8, "max_steps")),
        ({"epochs": 2.0, "max_steps": 99}, (8, "epochs")),
        ({"epochs": 2.0, "max_tokens": 31}, (2, "max_tokens")),
        ({"epochs": 2.0, "max_steps": 2, "max_tokens": 31}, (2, "max_steps")),
        ({"epochs": 2.0, "max_steps": 3, "max_tokens": 31}, (2, "max_tokens")),
        ({"epochs": 2.0, "max_tokens": 10**6}, (8, "epochs")),
    ],
)
def test_the_first_limit_counts(changes: dict, expected: tuple[int, str]) -> None:
    plan = replace(PLAN, batch_size=3, **changes)
    assert (
        num_steps(plan, [10] * 10, seed=0) == expected
    )  # 4 updates per epoch, the last of one row
