"""Losses of lists give the numbers of sentence-transformers, and of the formulas in float64."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from tests import tiny

from luthier.data.rows import Candidate, Origin, Ranked
from luthier.models.load import open_model
from luthier.objectives import Roles, objectives
from luthier.ops import ranking

GOLDEN = json.loads(Path(__file__).parents[1].joinpath("golden/rank_losses.json").read_text())
OURS: dict[str, dict[str, Any]] = {
    "pointwise": {"loss": "pointwise", "best": 3.0, "positive_weight": GOLDEN["positive_weight"]},
    "pairwise": {"loss": "pairwise"},
    "listwise": {"loss": "listwise", "target": "softmax"},
}


@pytest.mark.parametrize("prefer", ["general", "fast"])
@pytest.mark.parametrize("name", OURS)
def test_loss_and_gradient_are_those_of_sentence_transformers(
    name: str, prefer: Literal["general", "fast"], tmp_path: Path
) -> None:
    wanted = GOLDEN["cases"][name]
    tiny.headed("sequence_classifier", "bert", labels=("relevance",)).save_pretrained(tmp_path)
    tiny.word_tokenizer().save_pretrained(tmp_path)
    bundle = open_model(
        str(tmp_path),
        kinds=frozenset({"sequence_classifier"}),
        dtype=torch.float32,
        labels=("relevance",),
    )
    bundle.trunk = tiny.build(
        bundle.model, "sequence_classifier", prefer=prefer, compute_dtype=torch.float32
    )
    bundle.model.requires_grad_(True)
    bundle.model.eval()
    kind = objectives.get("rank")
    rank: Any = kind(kind.Config(**OURS[name]))
    rows = [
        Ranked(origin=Origin("g", n), query=query, documents=tuple(Candidate(*d) for d in found))
        for n, (query, found) in enumerate(GOLDEN["lists"])
    ]
    features = [rank.prepare(row, bundle.codec, index=n) for n, row in enumerate(rows)]
    loss = rank.loss(Roles(bundle), rank.collate(rank.arranged(features)))
    mean = loss.sum / loss.count
    mean.backward()
    assert float(mean.detach()) == pytest.approx(wanted["loss"], rel=1e-5)
    norms = {
        key: float(p.grad.to_dense().norm())
        for key, p in bundle.model.named_parameters()
        if p.grad is not None and key.startswith("bert.")
    }
    theirs = {key: value for key, value in wanted["gradient_norms"].items() if key in norms}
    assert len(theirs) == len(norms) > 20
    # where parts of a gradient cancel (keys' biases) what is left is rounding
    assert norms == pytest.approx(theirs, rel=1e-5, abs=2e-5)


@pytest.mark.parametrize("target", ["share", "softmax"])
def test_losses_are_the_formulas(target: ranking.Target) -> None:
    draws = np.random.default_rng(0)
    sizes = [4, 1, 6, 3]
    scores = [draws.normal(size=size) * 3 for size in sizes]
    grades = [draws.integers(0, 4, size).astype(float) for size in sizes]
    lists, pairs, numbers = [], [], []
    for said, true in zip(scores, grades, strict=True):
        chances = np.exp(said) / np.exp(said).sum()
        shares = np.exp(true) / np.exp(true).sum()
        if target == "share":
            shares = true / true.sum() if true.sum() else 0 * true
        lists.append(-(shares * np.log(chances)).sum())
        found = [
            math.log1p(math.exp(said[j] - said[i]))
            for i in range(len(true))
            for j in range(len(true))
            if true[i] > true[j]
        ]
        pairs.append(sum(found))
        numbers.append(len(found))
    at_BL = torch.full((4, 6), -1)
    for line, size, end in zip(at_BL, sizes, np.cumsum(sizes), strict=True):
        line[:size] = torch.arange(end - size, end)
    padded = [
        ranking.padded(torch.tensor(np.concatenate(held)).float(), at_BL)
        for held in (scores, grades)
    ]
    assert ranking.listwise(*padded, target=target).tolist() == pytest.approx(lists, rel=1e-5)
    sums_B, counts_B = ranking.pairwise(*padded)
    assert sums_B.tolist() == pytest.approx(pairs, rel=1e-5)
    assert counts_B.tolist() == numbers
