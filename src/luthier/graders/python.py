"""A function of the user's own, run in a process that can do no harm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from luthier.core.config import ComponentConfig
from luthier.graders._registry import graders
from luthier.graders._sandbox import KERNEL_WALLS, Limits, Sandbox
from luthier.graders.contract import Answer, Score


class Config(ComponentConfig):
    """The file, and what one completion may take."""

    path: str
    """A Python file with `def grade(completion, row)`, which gives back a number."""
    function: str = "grade"
    """Name of the function. `row` holds the columns of the file, and prompt and reference."""
    seconds: float = Field(5.0, gt=0)
    """Longest time for one completion."""
    memory_mb: int = Field(1024, ge=128)
    """Most memory the process may ask for."""
    lowest: float | None = None
    """Lowest score it gives, where there is one."""
    highest: float | None = None
    """Highest score it gives, where there is one."""


@graders.add
class Python:
    """Whatever number the function gives back. It may import and read; it cannot reach the network,
    start processes, or write anywhere but in a folder that is thrown away."""

    Config = Config
    needs_reference: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self.config = config
        limits = Limits(config.seconds, config.memory_mb << 20)
        self._sandbox = Sandbox(Path(config.path).expanduser(), config.function, limits)

    def bounds(self) -> tuple[float, float] | None:
        if self.config.lowest is None or self.config.highest is None:
            return None
        return self.config.lowest, self.config.highest

    def check(self, rows: Sequence[Answer]) -> list[str]:
        """What this system cannot keep the file from doing.

        Raises: RecipeError: the file cannot be loaded.
        """
        del rows
        self._sandbox.start()
        missing = [wall for wall in KERNEL_WALLS if wall not in self._sandbox.walls]
        if not missing:
            return []
        return [
            f"{self.config.path}: this system has no {' and no '.join(missing)}. Mistakes are still"
            " caught, but a file written to do harm could get out: run only files you trust"
        ]

    def grade(self, answers: Sequence[Answer]) -> list[Score]:
        all_found = [
            self._sandbox.grade(item.completion, _row(item), where=item.origin) for item in answers
        ]
        lowest = self.config.lowest
        if lowest is None:  # a failure must not look better than the worst of the others
            given = (float(found["value"]) for found in all_found if "value" in found)
            lowest = min([0.0, *(value for value in given if math.isfinite(value))])
        return [
            Score(lowest, f"{self.config.path} {found['problem']}")
            if "problem" in found
            else Score(float(found["value"]))
            for found in all_found
        ]

    def files(self) -> list[Path]:
        return [Path(self.config.path).expanduser()]

    def close(self) -> None:
        self._sandbox.close()


def _row(item: Answer) -> dict[str, Any]:
    return {**item.fields, "prompt": item.prompt, "reference": item.reference}
