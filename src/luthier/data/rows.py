"""The schemas of one example, whatever file it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


def _plain(value: Any) -> list[tuple[str, Any]]:
    return [(item.name, getattr(value, item.name)) for item in fields(value)]


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=_plain)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a row came from: file as the user named it, and the 1-based line (or record) in it."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file} line {self.line}"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `weight` counts for assistant turns only: 0 keeps the turn out of the loss."""

    role: Role
    content: str
    weight: float = 1.0
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    tool_call_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Base of all rows. `group` keeps rows together when splitting (empty: no group)."""

    origin: Origin
    group: str = ""

    @classmethod
    def shape(cls) -> str:
        """The name by which formats and messages know this schema."""
        return cls.__name__.lower()

    def key(self) -> str:
        """SHA-256 of the content; equal for equal rows, wherever they stand."""
        content = [item for item in _plain(self) if item[0] not in ("origin", "group")]
        text = _ENCODER.encode([type(self).__name__, content])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def input_key(self) -> str:
        """SHA-256 of what the model is given, without the target: equal inputs leak."""
        return self.key()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Row):
    """Running text; every token is a target."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeled(Row):
    """Text, or a pair of texts, with the name of its class (empty when it is to be predicted)."""

    text: str
    label: str
    text_pair: str = ""

    def input_key(self) -> str:
        return Labeled(origin=self.origin, text=self.text, text_pair=self.text_pair, label="").key()


@dataclass(frozen=True, slots=True)
class Splits:
    """Rows of the three splits; `Ledger` holds what became of the others."""

    train: list[Row] = field(default_factory=list[Row])
    validation: list[Row] = field(default_factory=list[Row])
    test: list[Row] = field(default_factory=list[Row])
