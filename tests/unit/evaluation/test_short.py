"""Vectors that may be cut are judged cut, beside the whole ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from tests import tiny

from luthier.core.events import Event
from luthier.data.rows import Origin, Row, Scored
from luthier.evaluation.evaluate import Subject, evaluate
from luthier.evaluation.results import Evaluation
from luthier.evaluation.tasks.search import vectors_of
from luthier.models.load import open_model
from luthier.objectives import objectives
from luthier.recipe.schema import EvaluationSection
from luthier.tuners import tuners

ROWS: list[Row] = [
    Scored(
        origin=Origin("s.jsonl", n + 1),
        text=f"the {'red' if n % 3 else 'blue'} {n}",
        score=float(n % 5),
        text_pair=f"{n}",
    )
    for n in range(30)
]


def subject(folder: Path, dimensions: list[int]) -> Subject:
    tiny.folder(folder, architecture="bert")
    bundle = open_model(str(folder), kinds=frozenset({"embedder"}), dtype=torch.float32)
    kind, how = objectives.get("cosent"), tuners.get("full")
    objective = kind(kind.Config(dimensions=dimensions))
    return Subject(bundle, how(how.Config()), objective, ROWS[12:], ROWS[:12], seed=0)


def judged(found: Subject, arms: Any) -> tuple[Evaluation, list[str]]:
    told: list[Event] = []
    section = EvaluationSection(num_resamples=100, retention=False, arms=arms)
    return evaluate(found, section=section, on_event=told.append), [str(event) for event in told]


def by_hand(found: Subject, size: int) -> float:
    rows = [row for row in found.test if isinstance(row, Scored)]
    texts = [text for row in rows for text in (row.text, row.text_pair)]
    vectors = vectors_of(found.bundle, texts, tell=lambda _done, _total: None)[:, :size]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = (vectors[0::2] * vectors[1::2]).sum(1)
    return float(spearmanr(cosines, [row.score for row in rows]).statistic)


def test_the_shortest_is_an_arm_and_the_others_are_told_beside_it(tmp_path: Path) -> None:
    asked = subject(tmp_path, [8, 32, 3])
    found, _ = judged(asked, "auto")
    assert found.arms["short"]["spearman"].value == pytest.approx(by_hand(asked, 3))
    between = found.details["notes"]["short"]["between"]
    assert between == pytest.approx({8: by_hand(asked, 8)})
    assert found.arms["tuned"]["spearman"].value == pytest.approx(by_hand(asked, 32))
    assert by_hand(asked, 3) != pytest.approx(by_hand(asked, 32))
    assert found.verdict.against != "short"


def test_whole_vectors_have_no_such_arm_and_nobody_is_told(tmp_path: Path) -> None:
    found, told = judged(subject(tmp_path, []), "auto")
    assert "short" not in found.arms
    assert not any("short" in line for line in told)


def test_who_asks_for_it_is_told_why_it_is_not_there(tmp_path: Path) -> None:
    found, told = judged(subject(tmp_path, [32]), ["short"])
    assert "short" not in found.arms
    assert any("arm short: left out; there is nothing that it could show" in x for x in told)
