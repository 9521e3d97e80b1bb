"""What a frozen model says of a row is asked once, and is the same when a run is continued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.contracts.cases import Case, case

from luthier.data.features import Batch
from luthier.engine.constants import fill

Said = Mapping[str, Sequence[np.ndarray[Any, Any]]]


class Asked:
    """Asks the model of a case for a number and some numbers per row; keeps how much it asked."""

    def __init__(self, found: Case) -> None:
        self.found = found
        self.tokens: list[int] = []

    def __call__(self, batch: Batch) -> Said:
        self.tokens.append(batch.num_tokens)
        hidden = self.found.bundle.trunk.hidden(batch).float().split(list(batch.lengths))
        return {
            "sum": [np.float32(part.sum()) for part in hidden],
            "first": [part[: 1 + index % 2, 0].numpy() for index, part in enumerate(hidden)],
        }

    def filled(
        self, folder: Path, identity: str = "a", notes: list[str] | None = None
    ) -> list[dict[str, Any]]:
        job = self.found.job(Path("unused"), identity={"data": identity})
        said: list[str] = [] if notes is None else notes
        fill(job, self, folder, tell=lambda _done, _total: None, note=said.append)
        return [dict(item.arrays) for item in [*job.train, *job.validation]]


@pytest.fixture
def asked() -> Asked:
    return Asked(case("lora", "sft"))


def test_every_row_gets_what_was_said_of_it(asked: Asked, tmp_path: Path) -> None:
    found = asked.found
    first = asked.filled(tmp_path)
    for item, said in zip([*found.features, *found.features[:3]], first, strict=True):
        alone = replace(found, features=[item])
        with torch.no_grad():
            batch = alone.objective.collate([item])
            expected = float(alone.bundle.trunk.hidden(batch).sum())
        assert abs(float(said["sum"]) - expected) < 1e-3


@pytest.mark.parametrize("pack_tokens", [1, 60])
def test_rows_that_interact_are_never_asked_about_alone(
    pack_tokens: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thumbs are compared with how far the model moved on the answer of another row."""
    monkeypatch.setattr("luthier.engine.constants.PACK_TOKENS", pack_tokens)
    found = case("lora", "kto")
    bare = [replace(item, arrays={"is_good": item.arrays["is_good"]}) for item in found.features]
    job = found.job(tmp_path, train=bare, validation=bare[:3])
    ask = partial(found.objective.constants, found.roles())
    fill(job, ask, tmp_path, tell=lambda _done, _total: None, note=print)
    assert all(len(item.arrays["other_answer"]) for item in [*job.train, *job.validation])


def test_it_is_read_when_the_run_is_continued(asked: Asked, tmp_path: Path) -> None:
    first = asked.filled(tmp_path)
    num_asked = len(asked.tokens)
    again = asked.filled(tmp_path)
    assert len(asked.tokens) == num_asked
    for one, other in zip(first, again, strict=True):
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_other_rows_are_asked_anew(asked: Asked, tmp_path: Path) -> None:
    asked.filled(tmp_path)
    num_asked = len(asked.tokens)
    asked.filled(tmp_path, identity="b")
    assert len(asked.tokens) == 2 * num_asked


def test_a_damaged_file_is_asked_anew_and_said(asked: Asked, tmp_path: Path) -> None:
    asked.filled(tmp_path)
    num_asked = len(asked.tokens)
    (tmp_path / "train.safetensors").write_bytes(b"not this")
    notes: list[str] = []
    asked.filled(tmp_path, notes=notes)
    assert num_asked < len(asked.tokens) < 2 * num_asked
    assert len(notes) == 1
    assert "train.safetensors cannot be read" in notes[0]
