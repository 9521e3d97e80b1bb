"""What one arm did with one test row, and what all rows have in common, before any metric."""

from __future__ import annotations

import math
from dataclasses import dataclass

from luthier.evaluation.text import normalised


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row's answer beside its target."""

    row: int
    target: str
    text: str = ""
    has_text: bool = True
    """False where this row was not asked to be written (only scored by its NLL)."""
    probabilities: tuple[float, ...] = ()
    nll: float = math.nan
    """Summed nats of the target's tokens; nan when not measured."""
    score: float = math.nan
    """What a grader gave for the text; nan where none was asked."""
    tokens: float = 0.0
    """Weight of the target's tokens."""
    ranks: tuple[int, ...] = ()
    """Of a search: places of all right texts, 1 for the first; empty where another row has them."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Frame:
    """What the rows are: decides which metrics and arms fit."""

    task: str
    """Name of what is asked of the model (see `tasks`)."""
    targets: tuple[str, ...]
    classes: tuple[str, ...] = ()
    """Names of the classes, when every target is one of a few."""
    is_json: bool = False
    """Every target is a JSON object."""
    groups: tuple[str, ...] = ()
    """What each row is answered together with, such as its query; empty strings: with nothing."""

    def key(self, name: str) -> str:
        """Equal for names of the same class: labels count as they are, written answers as texts."""
        return normalised(name) if self.task == "answer" else name
