"""Classes: what each row counts, in closed form, and settings that cannot be meant."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tests.contracts.cases import plain_bundle
from torch.nn import functional
from torch.testing import assert_close

from luthier.core.config import build
from luthier.core.errors import RecipeError
from luthier.data.features import IGNORE
from luthier.data.rows import Labeled, Origin
from luthier.objectives import Roles
from luthier.objectives.classify import Classify, Config, class_nll

SCORES_BC = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 0.0], [1.0, 3.0, -2.0], [9.0, 9.0, 9.0]])
LABELS_B = torch.tensor([0, 2, 0, IGNORE])
WEIGHTS_C = torch.tensor([1.0, 5.0, 0.25])
ONES_C = torch.ones(3)


def rows(*labels: str) -> list[Labeled]:
    return [
        Labeled(origin=Origin("l.csv", line + 1), text=f"text {line}", label=label)
        for line, label in enumerate(labels)
    ]


def resolved(*labels: str, **settings: Any) -> dict[str, Any]:
    config = build(Config, settings, where="objective")
    return {key: value for key, (value, _) in Classify.resolve(config, rows(*labels)).items()}


def test_a_change_of_pictures_asked_of_texts_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"augmentation: is for pictures.*keep\.augment"):
        resolved("a", "b", augmentation=["flip"])


def test_weighted_rows_agree_with_torch() -> None:
    total, count = class_nll(SCORES_BC, LABELS_B, WEIGHTS_C, smoothing=0.0)
    expected = functional.cross_entropy(
        SCORES_BC, LABELS_B, weight=WEIGHTS_C, reduction="sum", ignore_index=IGNORE
    )
    assert_close(total, expected)
    assert float(count) == 1.0 + 0.25 + 1.0


def test_smoothed_rows_agree_with_torch() -> None:
    total, count = class_nll(SCORES_BC, LABELS_B, ONES_C, smoothing=0.2)
    expected = functional.cross_entropy(
        SCORES_BC, LABELS_B, label_smoothing=0.2, reduction="sum", ignore_index=IGNORE
    )
    assert_close(total, expected)
    assert float(count) == 3.0


def test_a_smoothed_row_counts_by_the_weight_of_its_own_class() -> None:
    # even scores: every class costs log 3, however the target is spread
    total, count = class_nll(SCORES_BC[1:2], LABELS_B[1:2], WEIGHTS_C, smoothing=0.3)
    assert float(total) == pytest.approx(0.25 * math.log(3))
    assert float(count) == 0.25


def test_a_validation_is_without_smoothing() -> None:
    bundle = plain_bundle("sequence_classifier", labels=("a", "b"))
    bundle.model.requires_grad_(False)

    def loss(smoothing: float) -> float:
        config = Config(labels=["a", "b"], label_smoothing=smoothing)
        objective = Classify(config)
        features = [objective.prepare(row, bundle.codec, index=0) for row in rows("a", "b")]
        return float(objective.loss(Roles(bundle), objective.collate(features)).sum)

    bundle.model.eval()
    assert loss(0.3) == pytest.approx(loss(0.0), rel=1e-6)
    bundle.model.train()
    bundle.model.config.hidden_dropout_prob = 0.0
    for module in bundle.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    assert loss(0.3) != pytest.approx(loss(0.0), rel=1e-6)


def test_balanced_classes_all_weigh_the_same_in_sum() -> None:
    found = resolved("a", "a", "a", "b", "b", "c", class_weights="balanced")
    assert found["weight_of_label"] == pytest.approx([6 / 9, 6 / 6, 6 / 3])


def test_a_class_without_rows_weighs_one() -> None:
    found = resolved("a", "b", labels=["a", "b", "z"], class_weights="balanced")
    assert found["weight_of_label"] == pytest.approx([2 / 3, 2 / 3, 1.0])


def test_balanced_weights_beside_others_are_refused_unless_they_are_the_same() -> None:
    found = resolved("a", "a", "b", class_weights="balanced")
    again = {"class_weights": "balanced", "weight_of_label": found["weight_of_label"]}
    assert resolved("a", "a", "b", **again) == {"labels": ["a", "b"]}
    with pytest.raises(RecipeError, match=r"class_weights: .*Leave one of the two out"):
        resolved("a", "a", "b", class_weights="balanced", weight_of_label=[1.0, 3.0])


def test_weights_of_the_user_are_kept() -> None:
    assert resolved("a", "b", weight_of_label=[0.0, 2.0]) == {"labels": ["a", "b"]}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"weight_of_label": [1.0, 2.0]},
            r"weight_of_label: got 2 weights for 3 classes \(a, b, c",
        ),
        ({"weight_of_label": [1.0] * 5}, "weight_of_label: got 5 weights for 3 classes"),
        ({"weight_of_label": [-1.0, 1.0, 1.0]}, r"weight_of_label: got .*-1.0.*at least 0"),
        ({"weight_of_label": [0.0, 0.0, 0.0]}, "weight_of_label: got .*above 0"),
        ({"labels": ["a", "b", "a", "c"]}, "labels: got .*'a' stands there twice"),
        ({"labels": ["a", "", "c"]}, "labels: got .*without a name"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=f"recipe objective.{said}"):
        resolved("a", "b", "c", **settings)
