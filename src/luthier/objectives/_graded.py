"""What objectives share that learn from the model's own completions and the scores of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from luthier.data.features import Features
from luthier.data.rows import Prompt, Row
from luthier.generation import Completion
from luthier.graders import Borrower, Lender, Reader, Review, Score, build_grader
from luthier.models.bundle import Bundle, Codec, Kind
from luthier.objectives import _rollouts as rollouts
from luthier.objectives._others import Other, reference_in
from luthier.objectives.contract import Loss, Roles

C = TypeVar("C", bound=rollouts.RolloutConfig)


class Graded(Generic[C]):
    """Rows are prompts, and everything that is asked of the grader is here. An heir says what is
    learned from scored completions, and how many each prompt gets."""

    row: ClassVar[type[Row]] = Prompt
    kinds: ClassVar[frozenset[Kind]] = frozenset({"causal_lm"})
    roles: ClassVar[frozenset[str]] = frozenset({"policy", "reference"})
    additive: ClassVar[bool] = True

    def __init__(self, config: C) -> None:
        self.config = config
        self.grader = build_grader(config.chosen_grader, where="objective.grader")

    @property
    def others(self) -> Mapping[str, Other]:
        """The reference, where it is another model than the one before tuning."""
        return reference_in(self.config.reference)

    @property
    def idle_roles(self) -> frozenset[str]:
        """The reference, where the divergence from it counts for nothing."""
        return frozenset() if self.config.beta else frozenset({"reference"})

    @property
    def num_tried(self) -> int:
        """Completions of each prompt that the grader is tried on before training."""
        return 4

    @classmethod
    def resolve(cls, config: C, rows: Sequence[Row]) -> dict[str, tuple[object, str]]:
        """The grader, from the right answers of the rows."""
        return {"grader": rollouts.choose_grader(rows)} if config.grader == "auto" else {}

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """The prompt, and what graders want to know of the row."""
        return rollouts.prompt_features(row, codec, index=index)

    def assess(self, models: Roles, features: Sequence[Features]) -> Loss:
        device = next(models.policy.model.parameters()).device
        return rollouts.assessed(self.answers(models.policy, features), device)

    def vet(self, features: Sequence[Features], *, context: int) -> list[str]:
        return rollouts.vet(self.grader, features, self.config, context=context)

    def try_out(self, models: Roles, features: Sequence[Features], *, seed: int) -> Review:
        policy, times = models.policy, self.num_tried
        return rollouts.try_out(policy, self.grader, features, self.config, seed=seed, times=times)

    def answers(
        self, policy: Bundle, features: Sequence[Features]
    ) -> list[tuple[Completion, Score]]:
        found = rollouts.roll_out(policy, self.grader, features, self.config, seed=0, greedy=True)
        return [(item.completion, item.score) for item in found]

    def files(self) -> list[Path]:
        return self.grader.files() if isinstance(self.grader, Reader) else []

    def lend(self, lender: Lender) -> None:
        if isinstance(self.grader, Borrower):
            self.grader.lend(lender)

    def close(self) -> None:
        self.grader.close()
