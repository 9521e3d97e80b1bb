"""Few rows: the contrast of classes, and the head that is fitted at the end."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from tests.contracts.cases import case
from torch.testing import assert_close

from luthier.core.errors import DataError
from luthier.data.rows import Labeled, Origin
from luthier.objectives import Finisher
from luthier.objectives.fewshot import class_contrast, fitted


def test_classes_far_apart_cost_nothing_and_mixed_ones_do() -> None:
    vectors = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
    apart, count = class_contrast(vectors, torch.tensor([0, 0, 1, 1]), scale=20.0)
    mixed, _ = class_contrast(vectors, torch.tensor([0, 1, 0, 1]), scale=20.0)
    assert float(apart) == pytest.approx(0.0, abs=1e-5)
    assert float(mixed) > 4 * 20
    assert float(count) == 4


def test_a_row_alone_in_its_class_adds_nothing() -> None:
    vectors = torch.randn(3, 4, requires_grad=True)
    total, _ = class_contrast(vectors, torch.tensor([0, 1, 2]), scale=10.0)
    assert float(total.detach()) == 0.0
    total.backward()
    assert vectors.grad is not None
    assert_close(vectors.grad, torch.zeros(3, 4))


@pytest.mark.parametrize("num_classes", [2, 3])
def test_the_head_gives_the_probabilities_of_the_logistic_regression(num_classes) -> None:
    draws = np.random.default_rng(0)
    labels = np.arange(30) % num_classes
    vectors = (draws.normal(size=(30, 5)) + labels[:, None]).astype(np.float32)
    head = fitted(vectors, labels, num_classes, strength=10.0)
    expected = LogisticRegression(C=10.0, max_iter=1000).fit(vectors, labels)
    found = head(torch.from_numpy(vectors)).softmax(-1)
    assert_close(found.double(), torch.from_numpy(expected.predict_proba(vectors)).double(),
                 rtol=1e-4, atol=1e-5)  # fmt: skip


def test_a_class_without_rows_is_never_chosen() -> None:
    vectors = np.eye(4, dtype=np.float32)
    head = fitted(vectors, np.array([0, 0, 2, 2]), 3, strength=1.0)
    assert 1 not in head(torch.from_numpy(vectors)).argmax(-1).tolist()


def test_there_are_no_scores_before_the_end_and_right_ones_after() -> None:
    found = case("full", "fewshot")
    batch = found.objective.collate(found.features)
    found.bundle.model.eval()
    with torch.no_grad():
        assert found.objective.outputs(found.bundle, batch).shape == (8, 0)
        assert isinstance(found.objective, Finisher)
        assert "8 rows" in found.objective.finish(found.bundle, found.features)
        scores = found.objective.outputs(found.bundle, batch)
    assert scores.shape == (8, 3)


def test_one_class_is_refused() -> None:
    rows = [Labeled(origin=Origin("l", n), text="a", label="x") for n in range(3)]
    kind = case("full", "fewshot").objective
    with pytest.raises(DataError, match="at least two"):
        type(kind).resolve(type(kind).Config(), rows)
