"""Properties that every option of `keep` has, whatever it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.contracts.cases import Case
from tests.unit.keeping.arranged import arranged, build

from luthier.core.config import ComponentConfig
from luthier.core.errors import Interrupted
from luthier.engine.fit import fit
from luthier.keeping import Around, Averaging, Beside, Changing, Finishing, Penalty, keepers

NAMES = keepers.names()
DOES = (Penalty, Around, Beside, Changing, Averaging, Finishing)
SETTINGS = {"evaluate_every": 2, "save_every": 2}


def suited(name: str) -> tuple[Case, dict[str, Any]]:
    """A small training that the option fits: of encoders, which have dropout, where it may be."""
    kinds = keepers.get(name).kinds
    reads = not kinds or "sequence_classifier" in kinds
    return arranged("lora", "classify" if reads else "sft", [build(name)])


@pytest.mark.parametrize("name", NAMES)
def test_an_option_declares_its_facts_and_does_something(name: str) -> None:
    kind = keepers.get(name)
    assert issubclass(kind.Config, ComponentConfig)
    assert not kind.short or kind.short in kind.Config.model_fields
    assert kind.changes_inputs in {True, False}
    assert "Source" in (kind.__doc__ or "")
    assert name == "dropout" or isinstance(build(name), DOES)  # that one changes the model itself


@pytest.mark.parametrize("name", NAMES)
def test_a_stopped_and_continued_training_equals_an_unbroken_one(name: str, tmp_path: Path) -> None:
    whole, fields = suited(name)
    whole.fit(tmp_path / "whole", **fields, **SETTINGS)
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(1)
        return len(asked) > 3

    broken, fields = suited(name)
    with pytest.raises(Interrupted):
        list(fit(broken.job(tmp_path / "broken", **fields, **SETTINGS, should_stop=should_stop)))
    continued, fields = suited(name)
    continued.fit(tmp_path / "broken", **fields, **SETTINGS)
    one, other = whole.parameters(), continued.parameters()
    assert all(torch.equal(one[key], other[key]) for key in one)
