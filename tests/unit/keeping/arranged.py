"""A small training with options of `keep`, as the workflow arranges it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from tests import tiny
from tests.contracts.cases import Case, case
from torch import Tensor
from torch.testing import assert_close

from luthier.engine.job import Job
from luthier.keeping import Beside, Keeper, Setting, keepers
from luthier.objectives import Part, objectives

GENERAL = [
    tiny.chat("what is a question", "that is one", line=1),
    tiny.chat("is red good", "yes it is good", line=2),
    tiny.chat("hello you", "hello world", line=3),
]


def general(found: Case) -> Part:
    """Three general conversations."""
    learned = objectives.get("sft")
    answers = learned(learned.Config())
    codec = found.bundle.codec
    features = [answers.prepare(row, codec, index=n) for n, row in enumerate(GENERAL)]
    return Part("general", answers, features, 0.0)


def setting(found: Case, note: Callable[[str], None] = print) -> Setting:
    """What options are prepared with."""
    writes = found.bundle.kind == "causal_lm"
    return Setting(
        bundle=found.bundle,
        objective=found.objective,
        before=found.view(),
        rows=found.rows,
        general=general(found) if writes else Part("general", found.objective, [], 0.0),
        batch_size=found.plan.batch_size,
        max_length=128,
        seed=found.seed,
        note=note,
    )


def build(name: str, **settings: Any) -> Any:
    """One option."""
    kind = keepers.get(name)
    return kind(kind.Config(**settings))


def arranged(
    tuner: str, objective: str, options: Sequence[Keeper], **model: Any
) -> tuple[Case, dict[str, Any]]:
    """A case, and the fields of its job that the options make."""
    found = case(tuner, objective, **model)
    for option in options:
        option.prepare(setting(found))
    parts = [part for option in options if isinstance(option, Beside) for part in option.parts()]
    return found, {"keepers": options, "parts": parts}


def job_of(found: Case, folder: Path, **changes: Any) -> Job:
    """The job of `arranged`."""
    return found.job(folder, **changes)


def check_average(
    option: Any, read: Callable[[], dict[str, Tensor]], change: Callable[[], Any]
) -> None:
    """An `ema` of decay 0.9 follows its recurrence over what `read` gives, and shows it without
    touching the tensors themselves."""
    expected = read()
    for update in range(20):
        change()
        option.updated()
        decay = min(0.9, (1 + update) / (10 + update))
        now = read()
        expected = {name: decay * expected[name] + (1 - decay) * now[name] for name in now}
    last = read()
    with option.shown():
        assert_close(read(), expected, rtol=1e-5, atol=1e-6)
    assert all(torch.equal(last[name], now) for name, now in read().items())
