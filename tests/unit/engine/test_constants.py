"""What a frozen model says of a row is asked once, and is the same when a run is continued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tests.contracts.cases import Case, case

from luthier.data.features import Batch
from luthier.engine.constants import fill
from luthier.objectives import Roles


def asking(found: Case) -> list[int]:
    """Let the objective of a case ask for a number and some numbers per row; tokens asked of."""
    asked: list[int] = []

    def constants(models: Roles, batch: Batch) -> Mapping[str, Sequence[np.ndarray[Any, Any]]]:
        asked.append(batch.num_tokens)
        hidden = models.policy.trunk.hidden(batch).float().split(list(batch.lengths))
        return {
            "sum": [np.float32(part.sum()) for part in hidden],
            "first": [part[: 1 + index % 2, 0].numpy() for index, part in enumerate(hidden)],
        }

    found.objective.constants = constants  # type: ignore[method-assign]
    return asked


def filled(
    found: Case, folder: Path, identity: str = "a", notes: list[str] | None = None
) -> list[dict[str, Any]]:
    job = found.job(Path("unused"), identity={"data": identity})
    said: list[str] = [] if notes is None else notes
    fill(job, Roles(found.bundle), folder, tell=lambda _done, _total: None, note=said.append)
    return [dict(item.arrays) for item in [*job.train, *job.validation]]


def test_every_row_gets_what_was_said_of_it(tmp_path: Path) -> None:
    found = case("lora", "sft")
    asking(found)
    first = filled(found, tmp_path)
    for item, said in zip([*found.features, *found.features[:3]], first, strict=True):
        alone = replace(found, features=[item])
        with torch.no_grad():
            batch = alone.objective.collate([item])
            expected = float(alone.bundle.trunk.hidden(batch).sum())
        assert abs(float(said["sum"]) - expected) < 1e-3


def test_it_is_read_when_the_run_is_continued(tmp_path: Path) -> None:
    found = case("lora", "sft")
    asked = asking(found)
    first = filled(found, tmp_path)
    num_asked = len(asked)
    again = filled(found, tmp_path)
    assert len(asked) == num_asked
    for one, other in zip(first, again, strict=True):
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_other_rows_are_asked_anew(tmp_path: Path) -> None:
    found = case("lora", "sft")
    asked = asking(found)
    filled(found, tmp_path)
    num_asked = len(asked)
    filled(found, tmp_path, identity="b")
    assert len(asked) == 2 * num_asked


def test_a_damaged_file_is_asked_anew_and_said(tmp_path: Path) -> None:
    found = case("lora", "sft")
    asked = asking(found)
    filled(found, tmp_path)
    num_asked = len(asked)
    (tmp_path / "train.safetensors").write_bytes(b"not this")
    notes: list[str] = []
    filled(found, tmp_path, notes=notes)
    assert num_asked < len(asked) < 2 * num_asked
    assert len(notes) == 1
    assert "train.safetensors cannot be read" in notes[0]
