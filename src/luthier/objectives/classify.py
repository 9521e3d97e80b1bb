"""Classification of texts or pictures: one class per row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor

from luthier.core.config import Auto, ComponentConfig
from luthier.core.errors import DataError, RecipeError
from luthier.core.hints import did_you_mean
from luthier.data.features import IGNORE, Batch, Features, flatten
from luthier.data.rows import Labeled, Row
from luthier.models.bundle import Bundle, Codec, Kind
from luthier.objectives import objectives
from luthier.objectives._class_weights import refuse_two_weights
from luthier.objectives._pictures import augmented, picture_features, pixels_of
from luthier.objectives._two_texts import encoded
from luthier.objectives.contract import Loss, Roles, Usual

Change = Literal["flip", "shift", "contrast", "crop", "colour"]


class Config(ComponentConfig):
    """Single-label classification of a text, a pair of texts or a picture."""

    labels: list[str] | Auto = "auto"
    """Names of the classes in the order of the scores; auto: those of the training rows, sorted."""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced: a class counts the more the rarer it is among the training rows."""
    weight_of_label: list[float] | Auto = "auto"
    """Weight of each class, in the order of `labels`; auto: from `class_weights`."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Share of probability moved evenly to all classes while training."""
    augmentation: list[Change] = Field(default_factory=list[Change])
    """Changes of pictures, drawn anew each time: mirrored left to right, moved by up to an eighth,
    brightness and contrast by up to a quarter, a piece of at least half of it, colours nearer to
    grey or farther from it."""

    @field_validator("labels")
    @classmethod
    def _named_once(cls, value: list[str] | str) -> list[str] | str:
        if isinstance(value, list):
            twice = [name for name, times in Counter(value).items() if times > 1]
            if twice:
                raise ValueError(f"expected every class once; '{twice[0]}' stands there twice")
            if not all(name.strip() for name in value):
                raise ValueError("expected names; a class without a name cannot be told")
        return value

    @field_validator("weight_of_label")
    @classmethod
    def _can_be_learned(cls, value: list[float] | str) -> list[float] | str:
        if isinstance(value, list) and min(value, default=0.0) < 0:
            raise ValueError("expected weights of at least 0")
        if isinstance(value, list) and max(value, default=0.0) == 0:
            raise ValueError("expected at least one weight above 0: no row would count")
        return value


@objectives.add
class Classify:
    """**Rows**: Labeled. **Unit**: rows, times the weight of their class. **Roles**: policy.
    **Relations**: `sft` when the answer is text. Prefer it for a fixed set of classes: it is exact,
    calibrated and far cheaper.
    """

    Config = Config
    row: ClassVar[type[Row]] = Labeled
    kinds: ClassVar[frozenset[Kind]] = frozenset({"sequence_classifier", "image_classifier"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    problem: ClassVar[str] = "single_label_classification"
    additive: ClassVar[bool] = True
    unit: str = "rows"
    is_default: ClassVar[bool] = True
    usual: ClassVar[Usual] = Usual(batch_size=32, steps=600, epochs=(5, 12))

    def __init__(self, config: Config) -> None:
        self.config = config
        self._index = {name: index for index, name in enumerate(self.labels())}

    @classmethod
    def resolve(cls, config: Config, rows: Sequence[Row]) -> dict[str, tuple[object, str]]:
        """The classes and their weights, from the training rows.

        Raises: DataError: fewer than two classes. RecipeError: not one weight for each class.
        """
        counts = Counter(row.label for row in rows if isinstance(row, Labeled))
        found: dict[str, tuple[object, str]] = {}
        names = config.labels
        if names == "auto":
            names = sorted((name for name in counts if name), key=_label_order)
            found["labels"] = (names, f"{len(names)} classes in {len(rows)} training rows")
        if len(names) < 2:
            raise DataError(
                f"The training rows have {len(names)} class(es): {', '.join(names) or 'none'}. "
                "Classification needs at least two; data.columns names the label column."
            )
        if config.augmentation and not any(row.picture for row in rows if isinstance(row, Labeled)):
            raise RecipeError(
                "recipe objective.augmentation: is for pictures, and these rows are texts. For "
                "texts use keep.augment, or leave it out"
            )
        if config.weight_of_label == "auto":
            weights, why = _weights(names, counts, config.class_weights)
            found["weight_of_label"] = (weights, why)
        elif len(config.weight_of_label) != len(names):
            raise RecipeError(
                f"recipe objective.weight_of_label: got {len(config.weight_of_label)} weights for "
                f"{len(names)} classes ({', '.join(names)}). Give one for each, in this order."
            )
        elif config.class_weights != "none":
            balanced, _ = _weights(names, counts, config.class_weights)
            refuse_two_weights(config.weight_of_label, balanced)
        return found

    def labels(self) -> tuple[str, ...]:
        """Names of the classes in the order of the scores."""
        return () if self.config.labels == "auto" else tuple(self.config.labels)

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """The encoded text or picture, and its class (IGNORE when it is to be predicted).

        Raises: DataError: a class that is not among `labels`.
        """
        assert isinstance(row, Labeled)
        if row.label and row.label not in self._index:
            hint = did_you_mean(row.label, self._index)
            raise DataError(
                f"{row.origin}: label '{row.label}' is not one of the {len(self._index)} classes"
                f"{hint}\n    Every class must stand in the training rows or in objective.labels."
            )
        label = self._index.get(row.label, IGNORE)
        if row.picture:
            return picture_features(row, codec, index=index, label=label)
        ids, parts = encoded(codec, row.text, row.text_pair)
        return Features(index, ids, label=label, per_token=parts)

    def collate(self, features: Sequence[Features]) -> Batch:
        """Texts end to end, or pictures, and the class of each."""
        labels_B = torch.tensor([item.label for item in features], dtype=torch.int64)
        return flatten(list(features), labels=labels_B, **pixels_of(features))

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Weighted cross-entropy of the classes, and how many were right."""
        if self.config.augmentation and models.policy.model.training:
            batch = augmented(batch, self.config.augmentation)
        scores_BC = self.outputs(models.policy, batch)
        labels_B = batch.tensors["labels"]
        weights = self.config.weight_of_label
        weights_C = scores_BC.new_ones(scores_BC.shape[1])
        if weights != "auto":
            weights_C = scores_BC.new_tensor(weights)
        counted_B = labels_B != IGNORE
        right_B = (scores_BC.detach().argmax(-1) == labels_B) & counted_B
        smoothing = self.config.label_smoothing if models.policy.model.training else 0.0
        total, count = class_nll(scores_BC, labels_B, weights_C, smoothing=smoothing)
        return Loss(total, count, {"accuracy": (right_B.sum().float(), counted_B.sum().float())})

    def outputs(self, policy: Bundle, batch: Batch) -> Tensor:
        """Scores of the classes (B, C)."""
        return policy.trunk.scores(batch)


def class_nll(
    scores_BC: Tensor, labels_B: Tensor, weights_C: Tensor, *, smoothing: float
) -> tuple[Tensor, Tensor]:
    """Weighted sum of the smoothed negative log-likelihood in nats, and the sum of the weights.

    Shapes: scores (B, C), labels (B,) with IGNORE for rows that do not count, weights (C,).
    Each row counts by the weight of its own class.
    Source: Szegedy et al. 2016, arXiv:1512.00567, section 7; without smoothing it agrees with
    torch.nn.functional.cross_entropy(weight=weights, reduction="sum").
    """
    logprobs_BC = torch.log_softmax(scores_BC.float(), -1)
    counted_B = labels_B != IGNORE
    safe_B = labels_B.clamp_min(0)
    nll_B = -logprobs_BC.gather(1, safe_B[:, None])[:, 0]
    even_B = -logprobs_BC.mean(-1)
    weights_B = torch.where(counted_B, weights_C.float()[safe_B], 0.0)
    return ((1 - smoothing) * nll_B + smoothing * even_B) @ weights_B, weights_B.sum()


def _weights(names: Sequence[str], counts: Counter[str], how: str) -> tuple[list[float], str]:
    """Balanced as in scikit-learn: rows / (classes * rows of the class); 1 for empty classes."""
    if how == "none":
        return [1.0] * len(names), "every row counts the same"
    total = sum(counts[name] for name in names)
    weights = [total / (len(names) * counts[name]) if counts[name] else 1.0 for name in names]
    return weights, "balanced: rows / (classes * rows of the class)"


def _label_order(name: str) -> tuple[int, float, str]:
    """Numbers in their order before words in theirs."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name
