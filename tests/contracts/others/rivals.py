"""Somebody else's objective: classes learned by rows that compete with one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from luthier.data.features import Batch, Features
from luthier.data.rows import Labeled, Row
from luthier.models.bundle import Bundle, Codec, Kind
from luthier.objectives import Loss, Roles, Scorer, Usual, labels_of, resolved
from luthier.objectives.classify import Classify, Config


class Rivals:
    """**Rows**: Labeled. **Unit**: rows. **Roles**: policy. **Relations**: `classify` plus, within
    the batch, who of all rows fits a class best.
    """

    Config = Config
    row: ClassVar[type[Row]] = Labeled
    kinds: ClassVar[frozenset[Kind]] = frozenset({"sequence_classifier"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    problem: ClassVar[str] = "single_label_classification"
    additive: ClassVar[bool] = False
    unit: str = "rows"
    is_default: ClassVar[bool] = False
    usual: ClassVar[Usual] = Usual(batch_size=6, steps=12, epochs=(2, 3), rate=0.5)

    def __init__(self, config: Config) -> None:
        self.config = config
        self._classes = Classify(config)

    @classmethod
    def resolve(cls, config: Config, rows: Sequence[Row]) -> dict[str, tuple[object, str]]:
        return resolved(Classify, config, rows)

    def labels(self) -> tuple[str, ...]:
        return labels_of(self._classes)

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        return self._classes.prepare(row, codec, index=index)

    def collate(self, features: Sequence[Features]) -> Batch:
        return self._classes.collate(features)

    def outputs(self, policy: Bundle, batch: Batch) -> torch.Tensor:
        assert isinstance(self._classes, Scorer)
        return self._classes.outputs(policy, batch)

    def loss(self, models: Roles, batch: Batch) -> Loss:
        scores_BC, labels_B = models.policy.trunk.scores(batch), batch.tensors["labels"]
        scores_BC, labels_B = scores_BC[labels_B >= 0], labels_B[labels_B >= 0]
        both_BC = scores_BC.log_softmax(1) + scores_BC.log_softmax(0)
        total = -both_BC.gather(1, labels_B[:, None]).sum()
        return Loss(total, torch.tensor(float(len(labels_B)), device=total.device))


class Distant(Rivals):
    """**Rows**: Labeled. **Unit**: rows. **Roles**: policy, oracle. **Relations**: none yet."""

    roles: ClassVar[frozenset[str]] = frozenset({"policy", "oracle"})


class Curious(Rivals):
    """**Rows**: Labeled. **Unit**: rows. **Roles**: policy; an oracle is asked before.
    **Relations**: none yet."""

    asks: ClassVar[frozenset[str]] = frozenset({"oracle"})

    def constants(self, models: Roles, batch: Batch) -> Mapping[str, Sequence[NDArray[np.float32]]]:
        raise AssertionError(models, batch)
