"""What follows the pooling is written number by number, however a product of it is rounded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests import tiny

from luthier.core.errors import ParityError
from luthier.export import _vectors
from luthier.models import vectors
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.models.vectors import Dense


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    base = tiny.folder(tmp_path / "base", architecture="bert")
    return open_model(str(base), kinds=frozenset({"embedder"}), dtype=torch.float32)


def head(classes: int, width: int) -> Dense:
    draws = torch.Generator().manual_seed(classes)
    weight = torch.randn(classes, width + 1, generator=draws)[:, 1:].contiguous()
    return Dense(weight, torch.randn(classes, generator=draws))


@pytest.mark.parametrize("classes", [2, 6, 77, 151])
def test_a_head_of_any_size_comes_back(bundle: Bundle, classes: int, tmp_path: Path) -> None:
    made = head(classes, bundle.facts.hidden_size)
    bundle.vectors = replace(bundle.vectors, then=(None,), head=made)
    _vectors.write(bundle, tmp_path)
    _vectors.load(bundle, tmp_path)
    found = bundle.vectors.head
    assert found is not None
    assert torch.equal(found.weight, made.weight)
    assert bundle.vectors.then == (None,)


@pytest.mark.parametrize("part", ["weight", "bias"])
def test_a_number_that_is_written_otherwise_is_refused(
    bundle: Bundle, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = head(5, bundle.facts.hidden_size)
    bundle.vectors = replace(bundle.vectors, head=made)
    off = getattr(made, part).clone()
    off.view(-1)[-1] = torch.nextafter(off.view(-1)[-1], torch.tensor(9.0))
    read = vectors.read(tmp_path, writes=False)
    monkeypatch.setattr(
        vectors, "read", lambda *_, **__: replace(read, head=replace(made, **{part: off}))
    )
    with pytest.raises(ParityError, match="not those that were written"):
        _vectors.write(bundle, tmp_path)
