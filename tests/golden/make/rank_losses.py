"""Losses of cross-encoders in sentence-transformers, for tests/golden/rank_losses.json.

Run in an environment of its own that has sentence-transformers (and luthier's own requirements):
    PYTHONPATH=src:. python -P tests/golden/make/rank_losses.py
"""

from __future__ import annotations

import json
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder import losses as st
from tests import tiny

LISTS = [
    ("what is red", [("red is good", 2.0), ("green is bad", 0.0), ("the red", 1.0)]),
    ("the capital of France", [("Paris", 1.0), ("good and bad", 0.0)]),
    ("one and two", [("yes or no", 0.0), ("three", 3.0), ("two", 1.0), ("the user", 0.0)]),
]
POSITIVE_WEIGHT = 2.0


def measured(model: CrossEncoder, loss: Any, inputs: Any, labels: Any) -> dict[str, Any]:
    """The loss of one batch and the norm of the gradient of each parameter."""
    model.zero_grad()
    with torch.enable_grad():
        value = loss(inputs, labels)
        value.backward()
    norms = {
        name.partition("bert.")[1] + name.partition("bert.")[2]: float(p.grad.norm())
        for name, p in model.named_parameters()
        if p.grad is not None and "bert." in name
    }
    return {"loss": float(value), "gradient_norms": norms}


def main() -> None:
    """Write the numbers."""
    folder = Path(tempfile.mkdtemp()) / "model"
    tiny.headed("sequence_classifier", "bert", labels=("relevance",)).save_pretrained(folder)
    tiny.word_tokenizer().save_pretrained(folder)
    model = CrossEncoder(str(folder), device="cpu")
    model.eval()
    queries, documents = (
        [query for query, _ in LISTS],
        [[d for d, _ in found] for _, found in LISTS],
    )
    labels = [torch.tensor([score for _, score in found]) for _, found in LISTS]
    pairs = [
        [query for query, found in LISTS for _ in found],
        [document for found in documents for document in found],
    ]
    best = max(float(found.max()) for found in labels)
    weight = torch.tensor(POSITIVE_WEIGHT)
    cases = {
        "pointwise": (
            st.BinaryCrossEntropyLoss(model, pos_weight=weight), pairs, torch.cat(labels) / best,
        ),
        "pairwise": (st.RankNetLoss(model, reduction_log="natural"), [queries, documents], labels),
        "listwise": (st.ListNetLoss(model), [queries, documents], labels),
    }  # fmt: skip
    found = {name: measured(model, *case) for name, case in cases.items()}
    names = ("sentence-transformers", "transformers", "torch")
    made_with = {name: version(name) for name in names} | {"python": platform.python_version()}
    document = {
        "made_with": made_with,
        "lists": LISTS,
        "positive_weight": POSITIVE_WEIGHT,
        "cases": found,
    }
    path = Path(__file__).parents[1] / "rank_losses.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
