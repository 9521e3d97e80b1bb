"""OpenAI's chat rows: `messages` of role and content, with `weight`, `tool_calls` and `tools`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, cast

from luthier.core.errors import DataError
from luthier.data.columns import CONVERSATIONS, MESSAGES, find
from luthier.data.formats import formats
from luthier.data.formats._reasoning import block, shifted
from luthier.data.formats._turns import (
    OPENAI_ROLES,
    chat,
    content_of,
    instead_of,
    role_of,
    spans_of,
    tool_call,
    weight_of,
    with_system,
)
from luthier.data.formats._values import has_key, kind_of, objects_of, shown, text_of, unpacked
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape
from luthier.data.rows import Chat, Message, Row


@formats.add
class Messages:
    """Every assistant turn is a target unless its weight is 0."""

    shape: ClassVar[Shape] = "chat"
    canonical: ClassVar[tuple[str, ...]] = ("messages", "tools", "system")
    rank: ClassVar[int] = 10
    about: ClassVar[About] = About("a conversation")

    def recognise(self, sample: Sample) -> Match | None:
        column = find((*MESSAGES, *CONVERSATIONS), sample.columns)
        if not column or not any(has_key(record.get(column), "role") for record in sample.records):
            return None
        return Match({"messages": column}, f"column '{column}' holds lists of role and content")

    def parse(self, record: Record, context: Context) -> Chat:
        name = context.match.columns.get("messages", "messages")
        items = turns_in(record.get(name), where=f"{context.origin}, {name}")
        turns = [
            message_of(item, context.roles, where=f"{context.origin}, {name}[{index}]")
            for index, item in enumerate(items)
        ]
        return chat(with_system(turns, record, context), record, context)

    def record(self, row: Row) -> dict[str, Any]:
        assert isinstance(row, Chat)
        tools = {"tools": list(row.tools)} if row.tools else {}
        return {"messages": list(map(record_of, row.messages)), **tools}


def turns_in(value: Any, *, where: str) -> list[Any]:
    """The list of turns, also when it comes as JSON in a string.

    Raises: DataError: anything else.
    """
    value = unpacked(value, where=where)
    if isinstance(value, list):
        return cast("list[Any]", value)
    came = "nothing" if value is None else f"{shown(value)} ({kind_of(value)})"
    raise DataError(f"{where}: got {came}, expected a list of turns")


def message_of(item: Any, roles: Mapping[str, str], *, where: str) -> Message:
    """One turn in OpenAI's form.

    Raises: DataError: naming the part of the turn that is wrong.
    """
    if not isinstance(item, Mapping):
        raise DataError(f"{where}: got {shown(item)} ({kind_of(item)}), expected role and content")
    turn = cast("Mapping[str, Any]", item)
    if "role" not in turn:
        hint = instead_of("role", turn)
        raise DataError(f"{where}.role: missing, expected one of the roles{hint}")
    role = role_of(turn["role"], OPENAI_ROLES, roles, where=f"{where}.role")
    content, calls = content_of(turn.get("content"), where=f"{where}.content")
    thought = block(text_of(turn.get("reasoning_content"), where=f"{where}.reasoning_content"))
    spans = spans_of(turn.get("spans"), content, where=f"{where}.spans")
    calls += tuple(
        tool_call(call, where=f"{where}.tool_calls")
        for call in objects_of(turn.get("tool_calls"), where=f"{where}.tool_calls")
    )
    if turn.get("function_call"):  # OpenAI's form before tool_calls
        calls += (tool_call(turn["function_call"], where=f"{where}.function_call"),)
    if "content" not in turn and not calls:
        hint = instead_of("content", turn)
        raise DataError(f"{where}.content: missing, expected text{hint}")
    weight = turn.get("weight", turn.get("loss_weight"))
    return Message(
        role,
        thought + content,
        weight=weight_of(weight, where=f"{where}.weight") if role == "assistant" else 1.0,
        spans=shifted(spans, len(thought)) if role == "assistant" else (),
        tool_calls=calls,
        tool_call_id=text_of(turn.get("tool_call_id"), where=f"{where}.tool_call_id"),
        name=text_of(turn.get("name"), where=f"{where}.name"),
    )


def record_of(turn: Message) -> dict[str, Any]:
    """One turn in OpenAI's form, with what it has beside role and content."""
    beside = {
        "weight": turn.weight if turn.weight != 1 else None,
        "spans": [asdict(span) for span in turn.spans],
        "tool_calls": list(turn.tool_calls),
        "tool_call_id": turn.tool_call_id,
        "name": turn.name,
    }
    said = {name: value for name, value in beside.items() if value not in (None, "", [])}
    return {"role": turn.role, "content": turn.content, **said}
