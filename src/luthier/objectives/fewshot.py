"""Classification from a handful of rows: vectors that tell the classes apart, then a head on them.

Letters: B rows, N training rows, C classes, D width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from luthier.core.config import Auto, ComponentConfig
from luthier.data.features import IGNORE, Batch, Features
from luthier.data.rows import Labeled, Row
from luthier.models.bundle import Bundle, Codec, Kind
from luthier.models.embedding import class_scores, embed
from luthier.models.vectors import Dense
from luthier.objectives import objectives
from luthier.objectives._heads import labels_of
from luthier.objectives._negatives import vectors_of
from luthier.objectives._resolving import resolved
from luthier.objectives._vectors import TOKENS_AT_ONCE
from luthier.objectives.classify import Classify
from luthier.objectives.classify import Config as ClassConfig
from luthier.objectives.contract import Loss, Roles, Usual
from luthier.ops.similarity import cosine_table

_HANDFUL = 16
_NEVER = -30.0
"""Score of a class without a training row: e**-30 of the others."""


class Config(ComponentConfig):
    """All rows of a batch are compared, then a logistic regression is fitted to their vectors."""

    labels: list[str] | Auto = "auto"
    """Names of the classes in the order of the scores; auto: those of the training rows, sorted."""
    head_strength: float = Field(10.0, gt=0)
    """How closely the head follows the training rows (C of the logistic regression)."""
    tokens_at_once: int = Field(TOKENS_AT_ONCE, ge=0)
    """A larger batch goes through the model in pieces of so many tokens, and a second time in the
    backward pass, so that memory does not grow with it; 0: always at once."""
    scale: float = Field(10.0, gt=0)
    """What cosines are multiplied with before the softmax; 1 / temperature."""


@objectives.add
class FewShot:
    """**Rows**: Labeled. **Unit**: rows. **Roles**: policy. **Relations**: `classify` trains a head
    along with the model. Prefer this with 4 to 32 rows of each class: pairs are many where rows are
    few. It needs a model that was made to give vectors of texts, such as minilm-l6.
    """

    Config = Config
    row: ClassVar[type[Row]] = Labeled
    kinds: ClassVar[frozenset[Kind]] = frozenset({"embedder"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    problem: ClassVar[str] = ""
    additive: ClassVar[bool] = False
    unit: str = "rows"
    is_default: ClassVar[bool] = False
    usual: ClassVar[Usual] = Usual(
        batch_size=128,
        steps=60,
        epochs=(1, 60),
        rate=0.25,
        batch_share=1.0,
        validates=False,
    )

    def __init__(self, config: Config) -> None:
        self.config = config
        self._classes = Classify(_class_config(config))

    @classmethod
    def resolve(cls, config: Config, rows: Sequence[Row]) -> dict[str, tuple[object, str]]:
        """The classes, as `classify` finds them.

        Raises: DataError: fewer than two.
        """
        found = resolved(Classify, _class_config(config), rows)
        return {"labels": found["labels"]} if "labels" in found else {}

    @classmethod
    def suits(cls, rows: Sequence[Row]) -> str:
        """Whether most classes have a handful of rows: measured on 8 and 16 of 6 and 77 classes."""
        counts = Counter(row.label for row in rows if isinstance(row, Labeled))
        usual = median(counts.values()) if counts else 0
        return f"half of the classes have at most {usual:g} rows" if 1 < usual <= _HANDFUL else ""

    def labels(self) -> tuple[str, ...]:
        """Names of the classes in the order of the scores."""
        return labels_of(self._classes)

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """The encoded text and its class, as `classify` prepares it."""
        return self._classes.prepare(row, codec, index=index)

    def collate(self, features: Sequence[Features]) -> Batch:
        """Texts end to end, and the class of each."""
        return self._classes.collate(features)

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Cross-entropy of the other rows of each row's class among all rows of the batch."""
        labels_B = batch.tensors["labels"]
        counted_B = labels_B != IGNORE
        vectors_BD = embed(models.policy, batch, at_once=self.config.tokens_at_once)
        total, count = class_contrast(
            vectors_BD[counted_B], labels_B[counted_B], scale=self.config.scale
        )
        return Loss(total, count)

    def outputs(self, policy: Bundle, batch: Batch) -> Tensor:
        """Scores of the classes (B, C); (B, 0) before the head was fitted."""
        return class_scores(policy, batch)

    def finish(self, policy: Bundle, features: Sequence[Features]) -> str:
        """Fit the head to the vectors of the training rows."""
        rows = [item for item in features if item.label != IGNORE]
        vectors_ND = vectors_of(policy, [item.input_ids for item in rows]).numpy()
        labels = np.array([item.label for item in rows])
        head = fitted(vectors_ND, labels, len(self.labels()), strength=self.config.head_strength)
        policy.vectors = replace(policy.vectors, head=head)
        return f"head: logistic regression on the vectors of {len(rows)} rows"


def _class_config(config: Config) -> ClassConfig:
    return ClassConfig.model_validate({"labels": config.labels})


def class_contrast(vectors_BD: Tensor, labels_B: Tensor, *, scale: float) -> tuple[Tensor, Tensor]:
    """Summed over rows, in nats: how far the softmax of a row's cosines with all others is from an
    even spread over the others of its class; and the number of rows. 0 for one alone in its class.

    Shapes: vectors (B, D), labels (B,).
    Source: Khosla et al. 2020, arXiv:2004.11362, equation 2, less its smallest value, the log of
    the number of others. SetFit (Tunstall et al. 2022, arXiv:2209.11055) draws pairs of rows and
    fits each cosine to 1 or 0 instead; a batch gives all of its pairs at the price of its rows.
    """
    itself_BB = torch.eye(len(vectors_BD), dtype=torch.bool, device=vectors_BD.device)
    scores_BB = scale * cosine_table(vectors_BD, vectors_BD)
    logprobs_BB = scores_BB.masked_fill(itself_BB, -torch.inf).log_softmax(1)
    same_BB = (labels_B[:, None] == labels_B[None]) & ~itself_BB
    others_B = same_BB.sum(1).clamp_min(1)
    found_B = -logprobs_BB.masked_fill(~same_BB, 0.0).sum(1) / others_B - others_B.log()
    return found_B.sum(), found_B.new_tensor(float(len(found_B)))


def fitted(
    vectors_ND: NDArray[np.float32], labels_N: NDArray[Any], num_classes: int, *, strength: float
) -> Dense:
    """Multinomial logistic regression as a layer; classes without a row score least."""
    model = LogisticRegression(C=strength, max_iter=1000).fit(vectors_ND, labels_N)
    weight, bias = np.asarray(model.coef_), np.asarray(model.intercept_)
    if len(model.classes_) == 2:
        weight, bias = np.stack([-weight[0], weight[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
    weight_CD = torch.zeros(num_classes, vectors_ND.shape[1])
    bias_C = torch.full((num_classes,), _NEVER)
    seen = torch.from_numpy(np.asarray(model.classes_))
    weight_CD[seen] = torch.from_numpy(weight).float()
    bias_C[seen] = torch.from_numpy(bias).float()
    return Dense(weight_CD, bias_C)
