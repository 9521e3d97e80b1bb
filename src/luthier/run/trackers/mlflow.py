"""MLflow in a local SQLite file of the run directory."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from luthier.core.errors import missing
from luthier.core.events import Event, Updated, Validated
from luthier.run.figures import flat
from luthier.run.trackers import trackers
from luthier.run.trackers.contract import scalars

LONGEST_PARAM = 500
"""Characters that MLflow keeps of a parameter's value."""


@trackers.add
class MLflow:
    """Show it: mlflow ui --backend-store-uri sqlite:///RUN/mlflow.db"""

    package: ClassVar[str] = "mlflow"

    def __init__(self, folder: Path, document: Mapping[str, Any]) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read on import
        try:
            tracking: Any = importlib.import_module("mlflow.tracking")
        except ImportError as error:
            raise missing("mlflow", "trackers", "Writing MLflow files") from error
        recipe = document.get("recipe", {})
        self._client: Any = tracking.MlflowClient(f"sqlite:///{(folder / 'mlflow.db').absolute()}")
        found = self._client.get_experiment_by_name("luthier")
        place = (folder / "mlflow").absolute().as_uri()
        experiment = (
            found.experiment_id
            if found
            else self._client.create_experiment("luthier", artifact_location=place)
        )
        run = self._client.create_run(experiment, run_name=str(recipe.get("name", folder.name)))
        self._id = run.info.run_id
        for name, value in flat(recipe).items():
            self._client.log_param(self._id, name, str(value)[:LONGEST_PARAM])

    def __call__(self, event: Event) -> None:
        if isinstance(event, Updated | Validated):
            for name, value in scalars(event):
                self._client.log_metric(self._id, name, value, step=event.step)

    def close(self) -> None:
        self._client.set_terminated(self._id)
