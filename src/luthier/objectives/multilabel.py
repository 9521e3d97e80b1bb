"""Text classification with any number of classes per row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import field_validator
from torch import Tensor
from torch.nn import functional

from luthier.core.config import Auto, ComponentConfig
from luthier.core.errors import DataError, RecipeError
from luthier.core.hints import did_you_mean
from luthier.data.batches import micro_batches
from luthier.data.features import IGNORE, Batch, Features, flatten
from luthier.data.rows import Multilabeled, Row
from luthier.models.bundle import Bundle, Codec, Kind
from luthier.models.located import locate
from luthier.objectives import objectives
from luthier.objectives._class_weights import refuse_two_weights
from luthier.objectives._two_texts import parts_of
from luthier.objectives.contract import Loss, Roles, Usual
from luthier.ops.threshold import HALF, best_threshold

_MOST_WEIGHT = 20.0
"""What a label that is there counts at most where classes are balanced: a handful of rows would
otherwise make up most of the loss."""
_EDGE = 1e-3
"""No threshold is nearer to 0 or 1."""
_AT_ONCE = 4096
"""Tokens of validation rows that are scored together, at most."""


class Config(ComponentConfig):
    """Classification with several labels, each decided for itself."""

    labels: list[str] | Auto = "auto"
    """Names of the classes in the order of the scores; auto: those of the training rows, sorted."""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced: a label that is there counts as much as all the rows where it is not, up to 20."""
    weight_of_label: list[float] | Auto = "auto"
    """What it counts that a label is there, in the order of `labels`; auto: from
    `class_weights`."""
    threshold: float | Auto = "auto"
    """Labels of this probability and above are predicted; auto: after training, what gives the
    validation rows the best F1, and 0.5 where these are few."""

    @field_validator("threshold")
    @classmethod
    def _is_probability(cls, value: float | str) -> float | str:
        if isinstance(value, float | int) and not 0 < value < 1:
            raise ValueError("expected a number above 0 and below 1, or auto")
        return value


@objectives.add
class Multilabel:
    """**Rows**: Multilabeled. **Unit**: rows; each is the mean over its classes. **Roles**: policy.
    **Relations**: `classify` where exactly one class is right: there they compete.
    """

    Config = Config
    row: ClassVar[type[Row]] = Multilabeled
    kinds: ClassVar[frozenset[Kind]] = frozenset({"sequence_classifier"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    problem: ClassVar[str] = "multi_label_classification"
    additive: ClassVar[bool] = True
    unit: str = "rows"
    adjusts: ClassVar[str] = "threshold"
    is_default: ClassVar[bool] = True
    usual: ClassVar[Usual] = Usual(batch_size=32, steps=600, epochs=(5, 12))

    def __init__(self, config: Config) -> None:
        self.config = config
        self._index = {name: index for index, name in enumerate(self.labels())}

    @classmethod
    def resolve(cls, config: Config, rows: Sequence[Row]) -> dict[str, tuple[object, str]]:
        """The classes and their weights, from the training rows.

        Raises: DataError: there is no class. RecipeError: not one weight for each.
        """
        counts = Counter(
            name for row in rows if isinstance(row, Multilabeled) for name in row.labels
        )
        found: dict[str, tuple[object, str]] = {}
        names = sorted(counts) if config.labels == "auto" else config.labels
        if not names:
            raise DataError(
                f"data.train: not one of {len(rows)} training rows has a label.\n"
                "    Name another column: data.columns = {labels: NAME}"
            )
        if config.labels == "auto":
            found["labels"] = (names, f"{len(names)} labels in {len(rows)} training rows")
        if config.weight_of_label == "auto":
            weights, why = _weights(names, counts, len(rows), config.class_weights)
            found["weight_of_label"] = (weights, why)
        elif len(config.weight_of_label) != len(names):
            raise RecipeError(
                f"recipe objective.weight_of_label: got {len(config.weight_of_label)} weights for "
                f"{len(names)} labels ({', '.join(names)}). Give one for each, in this order."
            )
        elif config.class_weights != "none":
            balanced, _ = _weights(names, counts, len(rows), config.class_weights)
            refuse_two_weights(config.weight_of_label, balanced)
        if config.threshold == "auto":
            found["threshold"] = (HALF, "one half, until validation rows say what is better")
        return found

    def labels(self) -> tuple[str, ...]:
        """Names of the classes in the order of the scores."""
        return () if self.config.labels == "auto" else tuple(self.config.labels)

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """The encoded text, and in `arrays` a 1 for each of its classes.

        Raises: DataError: a class that is not among `labels`.
        """
        assert isinstance(row, Multilabeled)
        targets = np.zeros(len(self._index), np.float32)
        for name in row.labels:
            if name not in self._index:
                hint = did_you_mean(name, self._index)
                raise DataError(
                    f"{row.origin}: label '{name}' is not one of the {len(self._index)} labels"
                    f"{hint}\n    Every label must stand in the training rows or in "
                    "objective.labels."
                )
            targets[self._index[name]] = 1.0
        located = locate(codec, row.text, row.text_pair)
        return Features(
            index,
            located.input_ids,
            label=0,
            arrays={"targets": targets},
            per_token=parts_of(located),
        )

    def beginning(self, features: Sequence[Features]) -> list[float]:
        """The log-odds of each label among these rows: what the loss is lowest at as long as texts
        are not told apart. From 0, where every label is as likely as not, the first updates only
        push all scores down, and vectors of texts that were useful collapse on the way.

        Source: Lin et al. 2017, arXiv:1708.02002, section 4.1.
        """
        targets_NC = np.stack([item.arrays["targets"] for item in features])
        weights = self.config.weight_of_label
        weights_C = np.ones(len(self._index)) if weights == "auto" else np.array(weights)
        with_C = targets_NC.sum(0)
        return np.log(weights_C * (with_C + 0.5) / (len(targets_NC) - with_C + 0.5)).tolist()

    def collate(self, features: Sequence[Features]) -> Batch:
        """Texts end to end, the classes of each, and which of them count."""
        targets = np.stack([item.arrays["targets"] for item in features])
        counts = torch.tensor([float(item.label != IGNORE) for item in features])
        return flatten(list(features), targets=torch.from_numpy(targets), counts=counts)

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Binary cross-entropy of every class, and how many of all decisions were right."""
        scores_BC = self.outputs(models.policy, batch)
        targets_BC, counts_B = batch.tensors["targets"], batch.tensors["counts"]
        weights = self.config.weight_of_label
        weights_C = torch.ones(scores_BC.shape[1]) if weights == "auto" else torch.tensor(weights)
        nll_BC = functional.binary_cross_entropy_with_logits(
            scores_BC, targets_BC, reduction="none", pos_weight=weights_C.to(scores_BC)
        )
        right_B = ((scores_BC.detach() > 0) == (targets_BC > 0)).float().mean(-1)
        count = counts_B.sum()
        return Loss(nll_BC.mean(-1) @ counts_B, count, {"accuracy": (right_B @ counts_B, count)})

    def outputs(self, policy: Bundle, batch: Batch) -> Tensor:
        """Scores of the classes (B, C): logits of their probabilities."""
        return policy.trunk.scores(batch)

    @torch.no_grad()
    def adjust(self, policy: Bundle, features: Sequence[Features]) -> tuple[float, str]:
        """The threshold with the highest F1 on these rows."""
        device = next(policy.model.parameters()).device
        lengths = [item.num_tokens for item in features]
        tokens = max(_AT_ONCE, *lengths)
        parts = [
            [features[at] for at in part] for part in micro_batches(lengths, max_tokens=tokens)
        ]
        batches = [self.collate(part).to(device) for part in parts]
        found_NC = torch.cat([self.outputs(policy, batch).sigmoid().cpu() for batch in batches])
        targets_NC = torch.cat([batch.tensors["targets"].cpu() for batch in batches])
        threshold, f1 = best_threshold(found_NC.double().numpy(), targets_NC.numpy())
        threshold = float(f"{min(max(threshold, _EDGE), 1 - _EDGE):.6g}")
        self.config = self.config.model_copy(update={"threshold": threshold})
        return threshold, f"the best F1, {f1:.3f}, on {len(features)} validation rows"


def _weights(
    names: Sequence[str], counts: Counter[str], total: int, how: str
) -> tuple[list[float], str]:
    if how == "none":
        return [1.0] * len(names), "every label counts the same"
    found = [(total - counts[name]) / counts[name] if counts[name] else 1.0 for name in names]
    return [min(_MOST_WEIGHT, max(weight, 1e-3)) for weight in found], "rows without / rows with it"
