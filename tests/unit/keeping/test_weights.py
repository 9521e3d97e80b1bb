"""Other weights than the last ones: averages while training, and a way back after it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.contracts.cases import case
from tests.unit.keeping.arranged import arranged, build, check_average, setting
from torch import Tensor
from torch.testing import assert_close

from luthier.core.events import Validated
from luthier.engine import checkpoint, keepers
from luthier.keeping.wise_ft import choose
from luthier.models.low_rank import LowRankLinear


def trained(found: Any) -> dict[str, Tensor]:
    named = found.bundle.model.named_parameters()
    return {name: p.detach().clone() for name, p in named if p.requires_grad}


def test_the_average_follows_its_recurrence() -> None:
    option = build("ema", decay=0.9)
    found, _ = arranged("full", "sft", [option])
    check_average(option, lambda: trained(found), found.disturb)


def test_what_is_validated_and_saved_is_the_average(tmp_path: Path) -> None:
    option = build("ema", decay=0.99)
    found, fields = arranged("lora", "sft", [option])
    events = found.fit(tmp_path, **fields, evaluate_every=0)
    told = [event.loss for event in events if isinstance(event, Validated)]
    job = found.job(tmp_path, **fields)
    last = trained(found)
    saved, _ = checkpoint.load_best(job)
    assert saved.is_best
    assert any(not torch.equal(last[name], now) for name, now in trained(found).items())
    found.bundle.model.eval()
    assert found.loss(found.features[:3]) == pytest.approx(told[-1], rel=1e-5)


def test_without_validation_rows_the_average_is_still_the_result(tmp_path: Path) -> None:
    option = build("ema", decay=0.9)
    found, fields = arranged("lora", "sft", [option])
    found.fit(tmp_path, **fields, validation=[])
    with option.shown():
        expected = trained(found)
    job = found.job(tmp_path, **fields, validation=[])
    saved, _ = checkpoint.load_best(job)
    keepers.take_averages(job, saved)
    assert all(torch.equal(expected[name], now) for name, now in trained(found).items())


def test_wise_ft_leaves_the_weights_on_the_line_at_the_chosen_factor() -> None:
    option = build("wise_ft", give_up=0.0, num_steps=4)
    found, _ = arranged("full", "sft", [option])
    start = trained(found)
    found.disturb()
    end = trained(found)
    losses = iter([1.3, 2.0, 1.5, 1.0, 1.2])  # as trained, then from the start on
    said, told = option.finish(lambda: next(losses))
    assert told["factor"] == 0.5
    assert "0.5 of the way" in said[0]
    middle = {name: (start[name] + end[name]) / 2 for name in start}
    assert_close(trained(found), middle, rtol=1e-6, atol=1e-7)


def test_of_lora_the_change_of_each_weight_is_scaled_itself() -> None:
    option = build("wise_ft", give_up=0.5, num_steps=4)
    found, _ = arranged("lora", "sft", [option])
    found.disturb()
    layers = [m for m in found.bundle.model.modules() if isinstance(m, LowRankLinear)]
    whole = [layer.delta().detach().clone() for layer in layers]
    losses = iter([1.0, 2.0, 1.5, 1.2, 1.1])
    _, told = option.finish(lambda: next(losses))
    assert told["factor"] == 0.25
    now = [layer.delta().detach() for layer in layers]
    assert_close(now, [0.25 * delta for delta in whole], rtol=1e-5, atol=1e-7)


def test_terms_that_begin_at_something_go_back_to_it() -> None:
    option = build("wise_ft", num_steps=2)
    found = case("qlora", "sft", settings={"recover": "loftq", "bits": 8})
    option.prepare(setting(found))
    layers = [m for m in found.bundle.model.modules() if isinstance(m, LowRankLinear)]

    def terms() -> list[Tensor]:
        return [layer.delta().detach().clone() for layer in layers]

    start = terms()
    assert all(term.any() for term in start)
    found.disturb()
    tried: list[list[Tensor]] = []

    def validate() -> float:
        tried.append(terms())
        return 1.0

    option.finish(validate)
    assert all(map(torch.equal, tried[1], start))  # the first is as trained


def test_where_nothing_can_be_measured_no_other_factor_is_tried() -> None:
    option = build("wise_ft", num_steps=2)
    found, _ = arranged("full", "sft", [option])
    found.disturb()
    end = trained(found)
    losses = iter([math.nan])
    said, told = option.finish(lambda: next(losses))
    assert json.loads(json.dumps(told, allow_nan=False)) == {
        "factor": 1.0,
        "validation_losses": {"1.0": None},
    }
    assert "too few validation rows" in said[0]
    assert all(torch.equal(end[name], now) for name, now in trained(found).items())


@pytest.mark.parametrize(
    ("losses", "give_up", "factor"),
    [
        ({0.0: 2.0, 0.5: 1.05, 1.0: 1.0}, 0.05, 0.5),
        ({0.0: 2.0, 0.5: 1.06, 1.0: 1.0}, 0.05, 1.0),
        ({0.0: 2.0, 0.5: 0.8, 1.0: 1.0}, 0.0, 0.5),
        ({0.0: math.nan, 0.5: math.nan, 1.0: math.nan}, 0.1, 1.0),
        ({0.0: 1.0, 0.5: 1.1, 1.0: 1.2}, 0.0, 1.0),
    ],
)
def test_the_factor_keeps_all_but_a_share_of_the_gain(
    losses: dict[float, float], give_up: float, factor: float
) -> None:
    assert choose(losses, give_up=give_up) == factor
