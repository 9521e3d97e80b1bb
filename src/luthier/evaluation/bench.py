"""Everything an arm may use, and nothing of what another arm did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from luthier.core.events import Event, Progress
from luthier.data.rows import Row
from luthier.evaluation.outcome import Frame
from luthier.evaluation.subject import Subject


@dataclass(slots=True)
class Bench:
    """One evaluation while it runs. All arms get the same rows and the same decoding."""

    subject: Subject
    frame: Frame
    rows: Sequence[Row]
    """The test rows that are scored."""
    places: Sequence[int]
    """Index of each of them in `subject.test`."""
    metric: str
    max_new_tokens: int
    num_shots: int
    instruction: str
    """A system prompt of the user's, or "auto"."""
    tell: Callable[[Event], None]
    num_written: int = 0
    """Answers are generated for so many rows; the others are scored by NLL only."""
    notes: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """By arm: prompts used and choices made."""
    choices: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """Settings that were "auto": value and reason."""

    def progress(self, arm: str) -> Callable[[int, int], None]:
        """A callback that tells how far `arm` is."""

        def told(done: int, total: int) -> None:
            self.tell(Progress(f"evaluating {arm}", done, total, "rows"))

        return told
