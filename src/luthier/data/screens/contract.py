"""What a screen is: it says what stands against a question and answer made from a passage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol


@dataclass(frozen=True, slots=True)
class Made:
    """A question with its answer, as a model made it."""

    question: str
    answer: str
    passage: str
    is_free: bool = False
    """The answer carries out a task in words of its own, and is not a fact of the passage."""
    again: str = ""
    """What the model answered with question and passage at hand, not having seen its answer."""


class Screen(Protocol):
    """Stateless; built without arguments."""

    rank: ClassVar[int]
    """The smallest is asked first; a pair is left out for the first objection."""
    needs_again: ClassVar[bool]
    """Whether it looks at `Made.again`, which costs a call: asked of what the others let pass."""

    def objection(self, made: Made) -> str:
        """What stands against the pair, in words; empty: nothing."""
        ...
