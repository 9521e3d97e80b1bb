"""Pictures are scored so many at once that memory suffices."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests import pictures

from luthier.data.ledger import Ledger
from luthier.data.parse import Reading, parse_file
from luthier.evaluation.tasks.label import batches
from luthier.models.load import open_model
from luthier.objectives.classify import Classify, Config


def test_a_batch_of_the_evaluation_holds_64_pictures_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    labels = tuple(pictures.COLOURS)
    objective = Classify(Config(labels=list(labels)))
    folder = str(pictures.model(tmp_path / "model"))
    bundle = open_model(folder, kinds=objective.kinds, labels=labels, dtype=torch.float32)
    data = pictures.folder(tmp_path / "data", per_class=24)
    rows = parse_file(str(data), Reading(), Ledger()).rows
    sizes = [len(places) for places, _ in batches(bundle, objective, rows)]
    assert sum(sizes) == 72
    assert max(sizes) <= 64
