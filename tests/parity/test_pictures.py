"""Pictures read as transformers reads them, through its own processor and model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from tests import pictures
from torch.testing import assert_close
from transformers import AutoImageProcessor, AutoModelForImageClassification

from luthier.data.ledger import Ledger
from luthier.data.parse import Reading, parse_file
from luthier.models.load import open_model
from luthier.objectives import Roles
from luthier.objectives._pictures import augmented
from luthier.objectives.classify import Classify, Config

LABELS = tuple(pictures.COLOURS)


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_scores_and_loss_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    folder = pictures.model(tmp_path / "model", kind)
    data = pictures.folder(tmp_path / "all", per_class=2)
    objective = Classify(Config(labels=list(LABELS)))
    bundle = open_model(
        str(folder), kinds=objective.kinds, labels=LABELS, dtype=torch.float32, seed=3
    )
    assert bundle.kind == "image_classifier"
    rows = parse_file(str(data), Reading(), Ledger()).rows
    batch = objective.collate(
        [objective.prepare(row, bundle.codec, index=n) for n, row in enumerate(rows)]
    )
    bundle.model.save_pretrained(tmp_path / "saved")
    theirs = AutoModelForImageClassification.from_pretrained(tmp_path / "saved")
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    images = [Image.open(row.picture).convert("RGB") for row in rows]  # type: ignore[attr-defined]
    labels = torch.tensor([LABELS.index(row.target()) for row in rows])
    with torch.no_grad():
        expected = theirs(**processor(images=images, return_tensors="pt"), labels=labels)
        loss = objective.loss(Roles(bundle), batch)
        scores = objective.outputs(bundle, batch)
    assert_close(scores, expected.logits, rtol=1e-4, atol=1e-5)  # scale and shift in one step
    assert_close(loss.sum / loss.count, expected.loss, rtol=1e-4, atol=1e-5)


def test_a_picture_alone_is_read_by_the_running_statistics(tmp_path: Path) -> None:
    """As the last of an epoch, or in a micro-batch of one: it has no mean over a batch."""
    objective = Classify(Config(labels=list(LABELS)))
    folder = pictures.model(tmp_path / "model", "resnet")
    bundle = open_model(str(folder), kinds=objective.kinds, labels=LABELS, dtype=torch.float32)
    data = pictures.folder(tmp_path / "all", per_class=1)
    rows = parse_file(str(data), Reading(), Ledger()).rows
    one, *_ = many = [objective.prepare(row, bundle.codec, index=n) for n, row in enumerate(rows)]
    norms = [m for m in bundle.model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    before = [norm.running_mean.clone() for norm in norms]  # type: ignore[union-attr]
    bundle.model.eval()
    expected = objective.outputs(bundle, objective.collate([one]))
    bundle.model.train().requires_grad_()
    assert_close(objective.outputs(bundle, objective.collate([one])), expected)
    assert_close([norm.running_mean for norm in norms], before)
    objective.outputs(bundle, objective.collate(many))
    assert all((norm.running_mean != old).any() for norm, old in zip(norms, before, strict=True))


def test_changes_of_pictures_are_drawn_from_the_seeded_stream(tmp_path: Path) -> None:
    objective = Classify(Config(labels=list(LABELS)))
    codec = open_model(
        str(pictures.model(tmp_path / "model")),
        kinds=objective.kinds,
        labels=LABELS,
        dtype=torch.float32,
    ).codec
    rows = parse_file(str(pictures.folder(tmp_path / "all", per_class=2)), Reading(), Ledger()).rows
    batch = objective.collate(
        [objective.prepare(row, codec, index=n) for n, row in enumerate(rows)]
    )

    def drawn(seed: int, kind: str) -> torch.Tensor:
        torch.manual_seed(seed)
        return augmented(batch, [kind]).tensors["pixels"]

    before = batch.tensors["pixels"]
    for kind in ("flip", "shift", "contrast", "crop", "colour"):
        assert torch.equal(drawn(1, kind), drawn(1, kind))
        assert not torch.equal(drawn(1, kind), before)
    turned = drawn(1, "flip")
    for one, other in zip(turned, before, strict=True):
        assert torch.equal(one, other) or torch.equal(one, other.flip(2))
