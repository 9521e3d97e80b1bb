"""What a grader is: completions in, scores out; it knows no model that wrote them and no loss.

Graders are shared: objectives learn from their scores, evaluation counts them, and `luthier grade`
looks at them before anything is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from luthier.data.rows import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A completion with the row it answers."""

    messages: tuple[Message, ...]
    """What the model was given."""
    completion: str
    reference: str = ""
    """The right answer, where the row has one."""
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The record as it stands in the file."""
    origin: str = ""
    """File and line, for messages."""
    num_tokens: int = 0
    """Of the completion, where a model of this run wrote it."""

    @property
    def prompt(self) -> str:
        """The last user turn."""
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")


@dataclass(frozen=True, slots=True)
class Score:
    """How good a completion is; more is better."""

    value: float
    problem: str = ""
    """Why it could not be graded; `value` is then the lowest score. Empty: it was graded."""
    parts: Mapping[str, float] = field(default_factory=dict[str, float])
    """Scores that `value` was put together from."""


Rate = Callable[[Sequence[Answer]], Sequence[float | str]]
"""The score of every answer, or why it cannot be given one."""
Lender = Callable[[Path], Rate]
"""Opens the reward model of a run."""


@runtime_checkable
class Borrower(Protocol):
    """A grader, or a combination of some, that needs a model out of a run."""

    def lend(self, lender: Lender) -> None: ...


@runtime_checkable
class Reader(Protocol):
    """A grader, or a combination of some, that reads files of its own."""

    def files(self) -> list[Path]:
        """Their content decides the scores, and so what is learned."""
        ...


class Grader(Protocol):
    """Built as `Component(config)`; holds nothing open before `check` or `grade`."""

    Config: Any
    """Its settings: a class derived from ComponentConfig."""
    needs_reference: ClassVar[bool]
    """A row without a right answer cannot be graded."""
    config: Any

    def __init__(self, config: Any) -> None: ...

    def bounds(self) -> tuple[float, float] | None:
        """Lowest and highest score there can be; None where there is no limit."""
        ...

    def check(self, rows: Sequence[Answer]) -> list[str]:
        """What a user should know before it is used, such as where rows are sent.

        Args: rows: what will be asked; completions are empty.
        Raises: LuthierError: it cannot grade these rows.
        """
        ...

    def grade(self, answers: Sequence[Answer]) -> list[Score]:
        """One score per completion, in order.

        Raises: LuthierError: the grader itself is broken, or does what it must not.
        """
        ...

    def close(self) -> None:
        """Let go of processes and models; it may be used again."""
        ...
