"""When answers count as the same."""

from __future__ import annotations

import pytest
import torch

from luthier.core.errors import ParityError
from luthier.export._compare import compare


def answers(shift: float = 0.0, *, tokens: tuple[int, ...] = (1, 2)) -> dict[str, torch.Tensor]:
    logits = torch.tensor([[0.0, 1.0, 2.0], [2.0, 0.0, 1.0]])
    steps = torch.tensor([[0.0, 5.0, 0.0], [0.0, 4.999, 5.0]])
    return {"logits_0": logits + shift, "tokens_0": torch.tensor(tokens), "steps_0": steps}


def test_equal_answers_pass_with_no_difference() -> None:
    assert compare(answers(), answers(), noise=0.0)["max_difference"] == 0


def test_a_difference_beyond_float32_is_refused_where_nothing_was_rounded() -> None:
    with pytest.raises(ParityError, match=r"differ by up to 0\.01"):
        compare(answers(), answers(0.01), noise=0.0)


def test_the_same_difference_passes_where_weights_were_rounded() -> None:
    assert compare(answers(), answers(0.01), noise=0.01)


def test_another_text_is_refused_where_the_model_was_sure() -> None:
    with pytest.raises(ParityError, match="prompt 0, token 0"):
        compare(answers(), answers(tokens=(0, 2)), noise=0.01)


def test_another_text_passes_at_a_tie_and_is_counted() -> None:
    found = compare(answers(), answers(tokens=(1, 1)), noise=0.01)
    assert found["texts_parted_at_a_tie"] == 1


def test_answers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ParityError, match="not finite"):
        compare(answers(), answers(float("nan")), noise=0.01)


def test_a_missing_class_is_refused() -> None:
    with pytest.raises(ParityError, match=r"scores_0 of shape \(2,\), expected \(3,\)"):
        compare(
            {"scores_0": torch.zeros(3)},
            {"scores_0": torch.zeros(2)},
            noise=0.0,
        )


def test_one_number_per_prompt_is_compared_by_its_size() -> None:
    one = {"scores_0": torch.tensor([3.0])}
    assert compare(one, {"scores_0": torch.tensor([3.0001])}, noise=0.0)["logit_spread"] == 3.0
    with pytest.raises(ParityError, match="scores differ"):
        compare(one, {"scores_0": torch.tensor([3.01])}, noise=0.0)
