"""Regression: one number per text or pair of texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from luthier.core.config import Auto, ComponentConfig
from luthier.core.errors import DataError, RecipeError
from luthier.data.features import IGNORE, Batch, Features, flatten
from luthier.data.rows import Row, Scored
from luthier.models.bundle import Bundle, Codec, Kind
from luthier.models.located import locate
from luthier.objectives import objectives
from luthier.objectives._two_texts import parts_of
from luthier.objectives.contract import Loss, Roles, Usual


class Config(ComponentConfig):
    """Prediction of a number."""

    loss: Literal["mse", "huber", "mae"] = "mse"
    """What a wrong number costs: its square, its size, or (huber) the square of small errors and
    the size of large ones, which outliers bend less. In units of `scale`."""
    center: float | Auto = "auto"
    """The model learns (number - center) / scale; auto: the mean of the training rows."""
    scale: float | Auto = "auto"
    """auto: their standard deviation."""


@objectives.add
class Regress:
    """**Rows**: Scored. **Unit**: rows. **Roles**: policy. **Relations**: `classify` where the
    numbers are names of classes; `rank` where only the order of documents to one query matters.

    The head learns numbers of mean 0 and deviation 1 whatever the unit; predictions are in the
    rows' own. Who loads the exported model multiplies its answer by `scale` and adds `center`.
    """

    Config = Config
    row: ClassVar[type[Row]] = Scored
    kinds: ClassVar[frozenset[Kind]] = frozenset({"sequence_classifier"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    problem: ClassVar[str] = "regression"
    additive: ClassVar[bool] = True
    unit: str = "rows"
    is_default: ClassVar[bool] = True
    usual: ClassVar[Usual] = Usual(batch_size=32, steps=600, epochs=(4, 10))

    def __init__(self, config: Config) -> None:
        self.config = config
        if isinstance(config.scale, float) and config.scale <= 0:
            raise RecipeError(
                f"recipe objective.scale: got {config.scale:g}, expected a number above 0"
            )

    @classmethod
    def resolve(cls, config: Config, rows: Sequence[Row]) -> dict[str, tuple[object, str]]:
        """Mean and deviation of the training rows.

        Raises: DataError: all have the same number.
        """
        numbers = [row.score for row in rows if isinstance(row, Scored)]
        if not numbers or min(numbers) == max(numbers):
            same = f"the same score, {numbers[0]:g}" if numbers else "no score"
            raise DataError(
                f"data.train: all {len(rows)} training rows have {same}: there is nothing to tell "
                "apart.\n    Name another column: data.columns = {score: NAME}"
            )
        found: dict[str, tuple[object, str]] = {}
        if config.center == "auto":
            found["center"] = (float(np.mean(numbers)), "mean of the training rows")
        if config.scale == "auto":
            found["scale"] = (float(np.std(numbers)), "their standard deviation")
        return found

    def labels(self) -> tuple[str, ...]:
        """One output."""
        return ("score",)

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """The encoded text or pair, and in `arrays` its number (IGNORE: it is to be predicted)."""
        assert isinstance(row, Scored)
        is_known = not math.isnan(row.score)
        located = locate(codec, row.text, row.text_pair)
        target = np.array([row.score if is_known else 0.0], np.float64)
        return Features(
            index,
            located.input_ids,
            label=0 if is_known else IGNORE,
            arrays={"score": target},
            per_token=parts_of(located),
        )

    def collate(self, features: Sequence[Features]) -> Batch:
        """Texts end to end, the number of each, and which of them count."""
        scores = np.concatenate([item.arrays["score"] for item in features])
        center, scale = self._unit()
        targets = torch.from_numpy(((scores - center) / scale).astype(np.float32))
        counts = torch.tensor([float(item.label != IGNORE) for item in features])
        return flatten(list(features), targets=targets, counts=counts)

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """What the wrong numbers cost; in units of `scale`."""
        found_B = models.policy.trunk.scores(batch)[:, 0]
        targets_B, counts_B = batch.tensors["targets"], batch.tensors["counts"]
        costs = {"mse": functional.mse_loss, "huber": functional.huber_loss}
        cost = costs.get(self.config.loss, functional.l1_loss)
        cost_B = cost(found_B, targets_B, reduction="none")
        return Loss(cost_B @ counts_B, counts_B.sum())

    def outputs(self, policy: Bundle, batch: Batch) -> Tensor:
        """The number in the unit of the rows (B, 1)."""
        center, scale = self._unit()
        return policy.trunk.scores(batch) * scale + center

    def _unit(self) -> tuple[float, float]:
        center, scale = self.config.center, self.config.scale
        return (0.0 if center == "auto" else center), (1.0 if scale == "auto" else scale)
