"""Running statistics of norms move with the weights, so other weights have others of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests import pictures
from tests.contracts.cases import Case
from tests.contracts.test_pictures import case
from tests.unit.keeping.arranged import build, check_average, setting
from torch import Tensor, nn
from torch.testing import assert_close

from luthier.engine import checkpoint
from luthier.engine.fit import fit
from luthier.keeping import Keeper


@pytest.fixture
def found(tmp_path: Path) -> Case:
    """Convolutions with norms by running statistics, trained whole."""
    folder = pictures.model(tmp_path / "model", "resnet")
    return case("full", folder, pictures.folder(tmp_path / "all", per_class=2))


def statistics(found: Case) -> dict[str, Tensor]:
    named = found.bundle.model.named_buffers()
    return {name: b.detach().clone() for name, b in named if "running_" in name}


def moved(found: Case, by: float) -> None:
    """Statistics as they are some updates later."""
    for module in found.bundle.model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean += by
            module.running_var += by


def test_an_average_holds_them_too(found: Case) -> None:
    option = build("ema", decay=0.9)
    option.prepare(setting(found))
    check_average(option, lambda: statistics(found), lambda: moved(found, 1.0))


def test_a_checkpoint_holds_averaged_ones_beside_those_that_move(
    found: Case, tmp_path: Path
) -> None:
    option: Keeper = build("ema", decay=0.9)
    option.prepare(setting(found))
    list(fit(found.job(tmp_path / "run", keepers=[option], save_every=1)))
    kept, _ = checkpoint.latest(tmp_path / "run" / "checkpoints")
    assert kept is not None
    averages, moving = kept.tensors("keep-ema.safetensors"), kept.tensors(checkpoint.WEIGHTS)
    names = statistics(found)
    assert names
    assert all(not torch.equal(averages[name], moving[name]) for name in names)


def test_on_the_way_back_they_lie_between_those_of_both_ends(found: Case) -> None:
    option = build("wise_ft", give_up=0.0, num_steps=2)
    option.prepare(setting(found))
    start = statistics(found)
    moved(found, 1.0)
    tried: list[dict[str, Tensor]] = []
    losses = iter([1.5, 2.0, 1.0])  # as trained, then from the start on

    def validate() -> float:
        tried.append(statistics(found))
        return next(losses)

    option.finish(validate)
    assert all(torch.equal(start[name], tried[1][name]) for name in start)
    assert_close(statistics(found), {n: s + 0.5 for n, s in start.items()}, rtol=1e-6, atol=1e-7)
