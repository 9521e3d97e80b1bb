"""Losses of sentence-transformers on small batches, for tests/golden/sentence_losses.json.

Run in an environment of its own that has sentence-transformers (and luthier's own requirements):
    PYTHONPATH=src:. python -P tests/golden/make/sentence_losses.py
"""

from __future__ import annotations

import json
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import losses as st
from sentence_transformers.sentence_transformer.losses.triplet import TripletDistanceMetric
from tests import tiny

from luthier.models.vectors import Vectors, write

TRIPLETS = [
    ("what is red", "red is good", "green is bad"),
    ("the capital of France", "Paris", "good and bad"),
    ("one and two", "three", "yes or no"),
    ("is that blue", "the answer is blue", "red and green"),
    ("hello", "hello world", "the question of the user"),
]
SCORED = [
    ("what is red", "red is good", 4.5),
    ("one and two", "Paris", 0.0),
    ("is that blue", "the answer is blue", 4.5),
    ("hello", "hello world", 3.0),
    ("yes", "no", 1.25),
]
DIMENSIONS, WEIGHTS = [32, 8], [1.0, 0.5]


def measured(model: SentenceTransformer, loss: Any, columns: int, rows: Any) -> dict[str, Any]:
    """The loss of one batch and the norm of the gradient of each parameter."""
    model.zero_grad()
    features = [{**model.preprocess([row[column] for row in rows])} for column in range(columns)]
    labels = torch.tensor([float(row[2]) for row in rows]) if rows is SCORED else torch.zeros(0)
    with torch.enable_grad():
        value = loss(features, labels)
        value.backward()
    norms = {
        name.removeprefix("0.auto_model.").removeprefix("0.model."): float(p.grad.norm())
        for name, p in model.named_parameters()
        if p.grad is not None
    }
    return {"loss": float(value), "gradient_norms": norms}


def main() -> None:
    """Write the numbers."""
    torch.manual_seed(0)
    folder = Path(tempfile.mkdtemp()) / "model"
    tiny.folder(folder, architecture="bert")
    write(Vectors("mean"), folder, width=32, max_length=128)
    model = SentenceTransformer(str(folder), device="cpu")
    model.eval()
    metric = TripletDistanceMetric
    cases = {
        "contrastive": (st.MultipleNegativesRankingLoss(model), 2, TRIPLETS),
        "contrastive_with_negatives": (st.MultipleNegativesRankingLoss(model), 3, TRIPLETS),
        "contrastive_scale": (st.MultipleNegativesRankingLoss(model, scale=50.0), 3, TRIPLETS),
        "contrastive_symmetric": (st.MultipleNegativesSymmetricRankingLoss(model), 2, TRIPLETS),
        "contrastive_cached": (
            st.CachedMultipleNegativesRankingLoss(model, mini_batch_size=2), 3, TRIPLETS,
        ),
        "triplet_euclidean": (st.TripletLoss(model), 3, TRIPLETS),
        "triplet_manhattan": (
            st.TripletLoss(model, distance_metric=metric.MANHATTAN, triplet_margin=2), 3, TRIPLETS,
        ),
        "triplet_cosine": (
            st.TripletLoss(model, distance_metric=metric.COSINE, triplet_margin=0.3), 3, TRIPLETS,
        ),
        "cosent": (st.CoSENTLoss(model), 2, SCORED),
    }  # fmt: skip
    inner = {
        "contrastive": (st.MultipleNegativesRankingLoss(model), 3, TRIPLETS),
        "triplet_euclidean": (st.TripletLoss(model), 3, TRIPLETS),
        "cosent": (st.CoSENTLoss(model), 2, SCORED),
    }
    for name, (loss, columns, rows) in inner.items():
        wrapped = st.MatryoshkaLoss(model, loss, DIMENSIONS, WEIGHTS)
        cases[f"matryoshka_{name}"] = (wrapped, columns, rows)
    found = {name: measured(model, *case) for name, case in cases.items()}
    names = ("sentence-transformers", "transformers", "torch")
    made_with = {name: version(name) for name in names} | {"python": platform.python_version()}
    document = {"made_with": made_with, "triplets": TRIPLETS, "scored": SCORED, "cases": found}
    path = Path(__file__).parents[1] / "sentence_losses.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
