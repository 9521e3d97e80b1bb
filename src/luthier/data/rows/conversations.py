"""Conversations to learn from: with one answer, with two, with a judgement, or with none yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from luthier.data.rows.base import LATER, Row

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class SpanWeight:
    """The weight of a piece of a message: its characters [start, end)."""

    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `weight` counts for assistant turns only: 0 keeps the turn out of the loss.

    `spans` are pieces of an assistant turn with a weight of their own, in order."""

    role: Role
    content: str
    weight: float = 1.0
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    tool_call_id: str = ""
    name: str = ""
    spans: tuple[SpanWeight, ...] = field(default=(), metadata=LATER)

    @property
    def is_learned(self) -> bool:
        """Whether some of it counts, were it an assistant turn."""
        return self.weight > 0 or any(span.weight > 0 for span in self.spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat(Row):
    """A conversation; the target is what the assistant says. Alpaca, ShareGPT and
    prompt/completion files become this too."""

    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()

    def prompt(self) -> tuple[Message, ...]:
        """Everything before the last assistant turn."""
        return self.messages[:-1] if self.messages[-1].role == "assistant" else self.messages

    def answer(self) -> str:
        """Text of the last assistant turn, or an empty string."""
        return self.messages[-1].content if self.messages[-1].role == "assistant" else ""

    def input_key(self) -> str:
        return Chat(origin=self.origin, messages=self.prompt(), tools=self.tools).key()

    def given(self) -> str:
        return spoken(self.prompt())

    def shown(self) -> str:
        return dialogue(self.prompt())

    def target(self) -> str:
        return self.answer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference(Row):
    """A conversation with two ways to go on, of which the first is preferred.

    `margin` says by how much, where that is known; 0 where it is not."""

    messages: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    margin: float = 0.0

    def input_key(self) -> str:
        return replace(self, chosen=(), rejected=(), margin=0.0).key()

    def given(self) -> str:
        return spoken(self.messages)

    def shown(self) -> str:
        return dialogue(self.messages)

    def target(self) -> str:
        return spoken(self.chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated(Row):
    """A conversation whose last answer somebody found good, or not."""

    messages: tuple[Message, ...]
    is_good: bool
    tools: tuple[Mapping[str, Any], ...] = ()

    def input_key(self) -> str:
        return replace(self, is_good=True).key()

    def given(self) -> str:
        return spoken(self.messages)

    def shown(self) -> str:
        return dialogue(self.messages)

    def target(self) -> str:
        return "good" if self.is_good else "bad"

    def stratum(self) -> str:
        return self.target()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt(Row):
    """A conversation to go on with, and what a grader may want to know of the right answer.

    `fields` holds the other columns of the record."""

    messages: tuple[Message, ...]
    reference: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tools: tuple[Mapping[str, Any], ...] = ()

    def input_key(self) -> str:
        return replace(self, reference="", fields={}).key()

    def given(self) -> str:
        return spoken(self.messages)

    def shown(self) -> str:
        return dialogue(self.messages)

    def target(self) -> str:
        return self.reference


def spoken(messages: Sequence[Message]) -> str:
    """What is said in a conversation, without its system turn."""
    return "\n".join(turn.content for turn in messages if turn.role != "system")


def dialogue(messages: Sequence[Message]) -> str:
    """A conversation with the name of each speaker; one turn alone needs none."""
    if len(messages) == 1:
        return messages[0].content
    return "\n".join(f"{turn.role}: {turn.content}" for turn in messages)
