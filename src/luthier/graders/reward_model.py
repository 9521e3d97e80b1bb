"""What a reward model thinks of the completion: a run of `luthier train objective=reward`.

Source: Ouyang et al. 2022, arXiv:2203.02155, section 3.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError
from luthier.graders._registry import graders
from luthier.graders.contract import Answer, Lender, Rate, Score


class Config(ComponentConfig):
    """Which reward model."""

    run: str
    """Folder of a finished run that learned from preferred and rejected answers."""
    scale: float = 1.0
    """Scores are multiplied by this, where they are to be weighed against others."""


@graders.add
class RewardModel:
    """The score of the reward model, without bounds. It is a second model in memory, and it can be
    fooled: watch the divergence, and read what was said (rollouts.jsonl)."""

    Config = Config
    needs_reference: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self._lender: Lender | None = None
        self._rate: Rate | None = None

    def lend(self, lender: Lender) -> None:
        """Called with a way to open runs, which lie above graders."""
        self._lender = lender

    def bounds(self) -> None:
        return None

    def check(self, rows: Sequence[Answer]) -> list[str]:
        """Raises: LuthierError: there is no such run, or it did not learn from preferences."""
        del rows
        self._opened()
        return []

    def grade(self, answers: Sequence[Answer]) -> list[Score]:
        scores = [
            Score(0.0, rated) if isinstance(rated, str) else Score(self.config.scale * rated)
            for rated in self._opened()(answers)
        ]
        lowest = min((item.value for item in scores if not item.problem), default=0.0)
        return [replace(item, value=lowest) if item.problem else item for item in scores]

    def files(self) -> list[Path]:
        """What names every file of the reward model with its hash."""
        run = Path(self.config.run).expanduser()
        return [run / part / "manifest.json" for part in ("model", "adapter")]

    def close(self) -> None:
        self._rate = None

    def _opened(self) -> Rate:
        if self._rate is None:
            if self._lender is None:
                raise RecipeError("grader reward_model: nothing here can open runs")
            self._rate = self._lender(Path(self.config.run).expanduser())
        return self._rate
