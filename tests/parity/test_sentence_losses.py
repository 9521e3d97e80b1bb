"""Losses on vectors give the numbers of sentence-transformers on the same model and batch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests import tiny

from luthier.data.rows import Origin, Row, Scored, Triplet
from luthier.models.load import open_model
from luthier.models.vectors import Vectors, write
from luthier.objectives import Roles, objectives

GOLDEN = json.loads(Path(__file__).parents[1].joinpath("golden/sentence_losses.json").read_text())
WHOLE = {"dimensions": [32, 8], "dimension_weights": [1.0, 0.5]}
OURS = {
    "contrastive": ("contrastive", {}, 2),
    "contrastive_with_negatives": ("contrastive", {}, 3),
    "contrastive_scale": ("contrastive", {"scale": 50.0}, 3),
    "contrastive_symmetric": ("contrastive", {"symmetric": True}, 2),
    "contrastive_cached": ("contrastive", {"tokens_at_once": 20}, 3),
    "triplet_euclidean": ("triplet", {"distance": "euclidean", "margin": 5.0}, 3),
    "triplet_manhattan": ("triplet", {"distance": "manhattan", "margin": 2.0}, 3),
    "triplet_cosine": ("triplet", {"distance": "cosine", "margin": 0.3}, 3),
    "cosent": ("cosent", {}, 2),
    "matryoshka_contrastive": ("contrastive", WHOLE, 3),
    "matryoshka_triplet_euclidean": (
        "triplet",
        {"distance": "euclidean", "margin": 5.0, **WHOLE},
        3,
    ),
    "matryoshka_cosent": ("cosent", WHOLE, 2),
}


def rows_of(objective: str, columns: int) -> list[Row]:
    if objective == "cosent":
        return [
            Scored(origin=Origin("g", n), text=a, text_pair=b, score=score)
            for n, (a, b, score) in enumerate(GOLDEN["scored"])
        ]
    return [
        Triplet(origin=Origin("g", n), anchor=a, positive=b, negatives=(c,)[: columns - 2])
        for n, (a, b, c) in enumerate(GOLDEN["triplets"])
    ]


@pytest.mark.parametrize("prefer", ["general", "fast"])
@pytest.mark.parametrize("name", OURS)
def test_loss_and_gradient_are_those_of_sentence_transformers(name, prefer, tmp_path) -> None:
    wanted = GOLDEN["cases"][name]
    objective, settings, columns = OURS[name]
    tiny.folder(tmp_path, architecture="bert")
    write(Vectors("mean"), tmp_path, width=32, max_length=128)
    bundle = open_model(str(tmp_path), kinds=frozenset({"embedder"}), dtype=torch.float32)
    if prefer == "fast":
        bundle.trunk = tiny.build(
            bundle.model, "embedder", prefer="fast", compute_dtype=torch.float32
        )
    bundle.model.requires_grad_(True)
    kind = objectives.get(objective)
    built = kind(kind.Config(**settings))
    features = [
        built.prepare(row, bundle.codec, index=n)
        for n, row in enumerate(rows_of(objective, columns))
    ]
    loss = built.loss(Roles(bundle), built.collate(features))
    mean = loss.sum / loss.count
    mean.backward()
    assert float(mean.detach()) == pytest.approx(wanted["loss"], rel=1e-5)
    norms = {
        key: float(p.grad.to_dense().norm())
        for key, p in bundle.model.named_parameters()
        if p.grad is not None
    }
    theirs = {key: value for key, value in wanted["gradient_norms"].items() if "pooler" not in key}
    assert norms.keys() == theirs.keys()
    # where parts of a gradient cancel (keys' biases) what is left is rounding
    assert norms == pytest.approx(theirs, rel=1e-5, abs=2e-5)
