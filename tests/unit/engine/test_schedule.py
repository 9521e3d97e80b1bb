"""The learning rate by step, in closed form."""

from __future__ import annotations

import math

import pytest

from luthier.engine.schedule import rate_share


def shares(shape: str, *, num_steps: int = 10, warmup_steps: int = 0) -> list[float]:
    return [
        rate_share(step, num_steps=num_steps, warmup_steps=warmup_steps, shape=shape)  # type: ignore[arg-type]
        for step in range(num_steps)
    ]


def test_warm_up_rises_evenly_and_starts_above_zero() -> None:
    assert shares("constant", warmup_steps=4)[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_cosine_halves_the_rate_in_the_middle() -> None:
    found = shares("cosine")
    assert found[0] == 1.0
    assert found[5] == pytest.approx(0.5)
    assert found[9] == pytest.approx(0.5 * (1 + math.cos(0.9 * math.pi)))


def test_linear_falls_evenly_and_no_update_has_rate_zero() -> None:
    assert shares("linear", num_steps=4) == pytest.approx([1.0, 0.75, 0.5, 0.25])


def test_constant_stays() -> None:
    assert set(shares("constant")) == {1.0}


def test_a_run_of_warm_up_only_never_reaches_the_peak() -> None:
    assert max(shares("cosine", num_steps=3, warmup_steps=3)) == 0.75
