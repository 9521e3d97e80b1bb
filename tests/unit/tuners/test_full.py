"""Every parameter moves; how fast depends on the model."""

from __future__ import annotations

import pytest

from luthier.models.bundle import Facts
from luthier.tuners.full import Full


def facts(num_parameters: int, width: int) -> Facts:
    return Facts("LlamaForCausalLM", num_parameters, 10**8, 30, width, 50_000, 2048, 10**9)


@pytest.mark.parametrize(
    ("num_parameters", "width", "rate"),
    [(8 * 10**9, 4096, 2e-5), (10**9, 2048, 3e-5), (135 * 10**6, 576, 9e-5), (10**8, 64, 1e-4)],
)
def test_a_narrower_language_model_takes_a_higher_rate(
    num_parameters: int, width: int, rate: float
) -> None:
    assert Full.usual_rate(facts(num_parameters, width), "causal_lm")[0] == pytest.approx(rate)


def test_an_encoder_takes_the_rate_of_encoders() -> None:
    assert Full.usual_rate(facts(10**8, 768), "sequence_classifier")[0] == 5e-5
