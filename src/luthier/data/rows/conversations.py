"""Conversations to learn from: with one answer, with two, with a judgement, or with none yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from luthier.data.edits import Find, edited
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

    def rewritten(self, find: Find) -> Message:
        """The turn with what `find` finds changed, also in what tools are called with."""
        new = edited(self.content, find)
        spans = (
            SpanWeight(new.moved(span.start), new.moved(span.end), span.weight)
            for span in self.spans
        )
        return replace(
            self,
            content=new.text,
            spans=tuple(span for span in spans if span.end > span.start),
            tool_calls=tuple(_within(call, find) for call in self.tool_calls),
        )

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

    def varied(self, find: Find, *, moves: bool) -> Chat:
        del moves
        return replace(self, messages=_asked(self.messages, find))

    def rewritten(self, find: Find) -> Chat:
        return replace(self, messages=_turns(self.messages, find))

    def correctable(self) -> tuple[str, ...]:
        return _has_answer(self.messages)

    def corrected(self, what: str, value: Any) -> Chat:
        del what
        return replace(self, messages=_answered(self.messages, value))


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

    def contested(self) -> str:
        """The prompt with both answers, whichever of them is preferred."""
        other = replace(self, chosen=self.rejected, rejected=self.chosen, margin=0.0)
        return min(replace(self, margin=0.0).key(), other.key())

    def varied(self, find: Find, *, moves: bool) -> Preference:
        del moves
        return replace(self, messages=_asked(self.messages, find))

    def rewritten(self, find: Find) -> Preference:
        return replace(
            self,
            messages=_turns(self.messages, find),
            chosen=_turns(self.chosen, find),
            rejected=_turns(self.rejected, find),
        )

    def correctable(self) -> tuple[str, ...]:
        return ("swap", *(_has_answer(self.chosen) if len(self.chosen) == 1 else ()))

    def corrected(self, what: str, value: Any) -> Preference:
        if what == "swap":
            return replace(self, chosen=self.rejected, rejected=self.chosen, margin=0.0)
        return replace(self, chosen=_answered(self.chosen, value))


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

    def contested(self) -> str:
        """To the letter: an answer in other capitals, to another system text or with another call
        is another answer."""
        return self.input_key()

    def varied(self, find: Find, *, moves: bool) -> Rated:
        del moves
        return replace(self, messages=_asked(self.messages, find))

    def rewritten(self, find: Find) -> Rated:
        return replace(self, messages=_turns(self.messages, find))

    def correctable(self) -> tuple[str, ...]:
        return ("swap",)

    def corrected(self, what: str, value: Any) -> Rated:
        del what, value
        return replace(self, is_good=not self.is_good)


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

    def varied(self, find: Find, *, moves: bool) -> Prompt:
        del moves
        return replace(self, messages=_asked(self.messages, find))

    def rewritten(self, find: Find) -> Prompt:
        return replace(
            self,
            messages=_turns(self.messages, find),
            reference=edited(self.reference, find).text,
            fields=_within(self.fields, find),
        )

    def correctable(self) -> tuple[str, ...]:
        return ("answer",)

    def corrected(self, what: str, value: Any) -> Prompt:
        del what
        return replace(self, reference=value)


def spoken(messages: Sequence[Message]) -> str:
    """What is said in a conversation, without its system turn."""
    return "\n".join(turn.content for turn in messages if turn.role != "system")


def dialogue(messages: Sequence[Message]) -> str:
    """A conversation with the name of each speaker; one turn alone needs none."""
    if len(messages) == 1:
        return messages[0].content
    return "\n".join(f"{turn.role}: {turn.content}" for turn in messages)


def _has_answer(messages: Sequence[Message]) -> tuple[str, ...]:
    """ "answer" where the last turn says something that can be written anew."""
    last = messages[-1] if messages else None
    can = last is not None and last.role == "assistant" and not last.tool_calls
    return ("answer",) if can else ()


def _answered(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    """The turns with other words in the last one; weights of pieces of the old ones are gone."""
    return (*messages[:-1], replace(messages[-1], content=text, spans=()))


def _turns(messages: Sequence[Message], find: Find) -> tuple[Message, ...]:
    return tuple(turn.rewritten(find) for turn in messages)


def _asked(messages: Sequence[Message], find: Find) -> tuple[Message, ...]:
    """The turns with those of the user changed."""
    return tuple(turn.rewritten(find) if turn.role == "user" else turn for turn in messages)


def _within(value: Any, find: Find) -> Any:
    """A JSON value with the texts in it changed, not the names of its fields."""
    if isinstance(value, str):
        return edited(value, find).text
    if isinstance(value, Mapping):
        return {key: _within(item, find) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_within(item, find) for item in value)
    return value
