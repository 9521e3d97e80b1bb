"""Trackers write locally what the run logs."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
from pathlib import Path
from typing import Any

import pytest
from tests.unit.run.made import updated

from luthier.core.errors import MissingExtra, RecipeError
from luthier.core.events import Finished, Stage, Validated
from luthier.run.trackers import trackers

DOCUMENT = {"recipe": {"name": "tickets", "training": {"epochs": 3.0}}}


def _report(name: str, folder: Path) -> None:
    tracker = trackers.get(name)(folder, DOCUMENT)
    tracker(Stage("training"))
    for step in (1, 2, 3):
        tracker(updated(step, loss=1.0 / step))
    tracker(Validated(3, 0.5, 10.0, True, True, {"accuracy": 0.75}))
    tracker(Finished(3, "epochs", 3, 1.0, 1))
    tracker.close()


def test_tensorboard_holds_every_step(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _report("tensorboard", tmp_path)
    found = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    losses = [(event.step, event.value) for event in found.Scalars("train/loss")]
    assert losses == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    assert found.Scalars("validation/loss")[0].value == 0.5
    assert found.Scalars("validation/accuracy")[0].value == 0.75


def test_wandb_writes_offline_files_of_this_run(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    _report("wandb", tmp_path)
    assert list((tmp_path / "wandb").glob("offline-run-*/*.wandb"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own use of its own packages
def test_mlflow_writes_a_local_database(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    _report("mlflow", tmp_path)
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("luthier")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.metrics["validation/loss"] == 0.5
    assert run.data.params["training.epochs"] == "3.0"


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_an_absent_package_is_answered_with_the_command_that_installs_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_import, real_module = builtins.__import__, importlib.import_module
    wanted = {"tensorboard": "torch.utils.tensorboard"}.get(name, name)

    def absent(module: str, *args: Any, **kwargs: Any) -> Any:
        if module.startswith(wanted):
            raise ImportError(module)
        return real_import(module, *args, **kwargs)

    def absent_module(module: str, package: str | None = None) -> Any:
        if module.startswith(wanted):
            raise ImportError(module)
        return real_module(module, package)

    kind = trackers.get(name)
    monkeypatch.setattr(builtins, "__import__", absent)
    monkeypatch.setattr(importlib, "import_module", absent_module)
    with pytest.raises(MissingExtra, match=rf"needs '{name}'.*pip install 'luthier\[trackers\]'"):
        kind(tmp_path, DOCUMENT)


def test_an_unknown_tracker_is_answered_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match="did you mean 'tensorboard'"):
        trackers.get("tensorbord")
