"""Stay near the predictions of the model before tuning, on general rows.

Letters: M predicted tokens, D width.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from luthier.core.config import ComponentConfig
from luthier.data.batches import micro_batches
from luthier.data.features import Features
from luthier.keeping import keepers
from luthier.keeping._general import General
from luthier.keeping.contract import Setting
from luthier.models.bundle import Bundle, Kind
from luthier.models.logits import frozen, projection
from luthier.ops.divergence import generalised_jsd, linear_divergence

_PACK = 2048
_MOST_BYTES = 1 << 30
"""For what the base says of general rows."""


class Config(ComponentConfig):
    """Distance from the base model's predictions."""

    weight: float = Field(0.1, gt=0)
    """Nats of loss for a nat of distance per token; usual 0.05 to 1."""
    rows: str = "luthier"
    """General conversations: those that ship with Luthier, or a file."""
    rows_per_update: int = Field(default=2, ge=1)
    """So many of them are compared in every update."""
    beta: float = Field(default=0.0, ge=0, le=1)
    """0: KL(base || tuned); 1: KL(tuned || base); between: Jensen-Shannon."""


@keepers.add
class KlToBase:
    """Adds `weight` times the mean KL(base || tuned) per answer token of general rows.

    What the base says of them is computed once and held as final hidden states, so that nothing is
    run twice and tuners that keep no base can use it; the head is copied where it is trained. Of
    more rows than 1 GiB holds the first are compared with, which is said.
    Source: Li & Hoiem 2016, arXiv:1606.09282 (learning without forgetting), on general rows.
    """

    Config = Config
    short: ClassVar[str] = "weight"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"causal_lm"})
    changes_inputs: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self.config = config

    @torch.no_grad()
    def prepare(self, setting: Setting) -> None:
        """What the base says of every general row."""
        self._bundle = setting.bundle
        self._general = General(setting, "kl_to_base", self.config.rows_per_update)
        self._base: dict[int, Tensor] = {}
        model = setting.bundle.model
        was_training = model.training
        model.eval()
        with setting.before() as base:
            self._head = frozen(base.trunk.head())
            features = self._fitting(base, setting)
            lengths = [item.num_tokens for item in features]
            for places in micro_batches(lengths, max_tokens=_PACK):
                rows = [features[place] for place in places]
                batch = self._general.batch(rows)
                hidden_MD = base.trunk.hidden(batch, batch.tensors["at"])
                parts = hidden_MD.split([item.num_trained for item in rows])
                self._base.update(
                    (item.row, part.clone()) for item, part in zip(rows, parts, strict=True)
                )
        model.train(was_training)

    def _fitting(self, base: Bundle, setting: Setting) -> Sequence[Features]:
        """The first general rows of which all fits into memory; no others are compared with."""
        part = self._general.part
        first = self._general.batch(list(part.features[:1]))
        hidden_MD = base.trunk.hidden(first, first.tensors["at"])
        room = _MOST_BYTES // (hidden_MD.shape[1] * hidden_MD.element_size())
        ends = list(accumulate(item.num_trained for item in part.features))
        count = max(bisect_right(ends, room), 1)
        if count < len(part.features):
            self._general.part = replace(part, features=part.features[:count])
            setting.note(
                f"keep.kl_to_base: the first {count} of {len(part.features)} general rows are "
                f"compared with; what the base says of more is over {_MOST_BYTES / 2**30:g} GiB"
            )
        return part.features[:count]

    def penalty(self, step: int) -> Tensor:
        """Weighted mean distance per token."""
        return self.piece(step, self.rows(step))

    def rows(self, step: int) -> list[Features]:
        """General rows that are compared in an update."""
        return self._general.rows(step)

    def piece(self, step: int, rows: Sequence[Features]) -> Tensor:
        """Weighted distance of some rows, by the tokens of all."""
        batch = self._general.batch(list(rows))
        trunk = self._bundle.trunk
        hidden_MD = trunk.hidden(batch, batch.tensors["at"])
        project, parameters = projection(trunk.head())
        total = linear_divergence(
            hidden_MD,
            project,
            self._measure(rows),
            batch.tensors["weights"],
            parameters=parameters,
            width=self._head.weight.shape[0],
        )
        count = sum(float(item.loss_weights.sum()) for item in self.rows(step))
        return self.config.weight * total / count

    def _measure(self, rows: Sequence[Features]) -> Callable[[Tensor, slice], Tensor]:
        project, _ = projection(self._head)
        base_MD = torch.cat([self._base[item.row] for item in rows])

        def measure(logits_CV: Tensor, part: slice) -> Tensor:
            with torch.no_grad():
                base_CV = project(base_MD[part]).log_softmax(-1)
            return generalised_jsd(logits_CV.log_softmax(-1), base_CV, beta=self.config.beta)

        return measure
