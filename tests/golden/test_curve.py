"""A recorded training: loss and gradient norm of every step, so that a change of numbers is seen.

Record anew (and say in the commit why the numbers moved): `python -m tests.golden.test_curve`.
"""

from __future__ import annotations

import json
import platform
import tempfile
from pathlib import Path

import pytest
import torch
from tests.contracts.cases import TUNED, case

from luthier.core.events import Updated
from luthier.objectives import Explorer, objectives

RECORDED = Path(__file__).with_name("curves.json")
PAIRS = sorted(
    {
        *TUNED,
        *(("lora", name) for name, kind in objectives.items() if not isinstance(kind, Explorer)),
    }
)
"""Every tuner with an objective of each kind of model, and every objective with one tuner. What is
sampled may part at a tie on another processor, so explorers have no curve."""
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def curve(tuner: str, objective: str, folder: Path) -> list[list[float]]:
    """(loss, gradient norm) of each of six steps."""
    model = {} if "causal_lm" in objectives.get(objective).kinds else NO_DROPOUT
    found = case(tuner, objective, **model)
    events = found.fit(folder, validation=[])
    return [[e.loss, e.gradient_norm] for e in events if isinstance(e, Updated)]


@pytest.mark.parametrize(("tuner", "objective"), PAIRS)
def test_losses_and_gradient_norms_are_those_recorded(
    tuner: str, objective: str, tmp_path: Path
) -> None:
    recorded = json.loads(RECORDED.read_text())["curves"]
    name = f"{tuner} {objective}"
    if name not in recorded:
        pytest.fail(f"no curve is recorded for '{name}': python -m tests.golden.test_curve")
    found = curve(tuner, objective, tmp_path)
    assert len(found) == len(recorded[name])
    for ours, theirs in zip(found, recorded[name], strict=True):
        # float32 on another processor rounds differently, and six Adam steps amplify it
        assert ours == pytest.approx(theirs, rel=2e-3)


def main() -> None:
    """Write the curves of every pair."""
    curves = {}
    for tuner, objective in PAIRS:
        with tempfile.TemporaryDirectory() as folder:
            curves[f"{tuner} {objective}"] = curve(tuner, objective, Path(folder))
    machine = {"torch": str(torch.__version__), "processor": platform.machine()}
    RECORDED.write_text(json.dumps({"environment": machine, "curves": curves}, indent=1) + "\n")


if __name__ == "__main__":
    main()
