"""ShareGPT rows: `conversations` of `from` and `value`, with function calls and observations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from luthier.core.errors import DataError
from luthier.data.columns import CONVERSATIONS, MESSAGES, find
from luthier.data.formats import formats
from luthier.data.formats._turns import (
    chat,
    content_of,
    instead_of,
    role_of,
    tool_call,
    weight_of,
    with_system,
)
from luthier.data.formats._values import has_key, kind_of, objects_of, shown
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape
from luthier.data.formats.messages import turns_in
from luthier.data.rows import Chat, Message, Role

_ROLES: Mapping[str, Role] = {
    "human": "user", "user": "user", "gpt": "assistant", "chatgpt": "assistant",
    "assistant": "assistant", "model": "assistant", "system": "system", "tool": "tool",
    "observation": "tool", "function_response": "tool", "function_call": "assistant",
}  # fmt: skip


@formats.add
class ShareGpt:
    """human and gpt become user and assistant; a function_call turn becomes a tool call."""

    shape: ClassVar[Shape] = "chat"
    canonical: ClassVar[tuple[str, ...]] = ("conversations", "tools", "system")
    rank: ClassVar[int] = 20
    about: ClassVar[About] = About("a conversation")

    def recognise(self, sample: Sample) -> Match | None:
        column = find((*CONVERSATIONS, *MESSAGES), sample.columns)
        if not column or not any(has_key(record.get(column), "from") for record in sample.records):
            return None
        return Match({"conversations": column}, f"column '{column}' holds lists of from and value")

    def parse(self, record: Record, context: Context) -> Chat:
        name = context.match.columns.get("conversations", "conversations")
        items = turns_in(record.get(name), where=f"{context.origin}, {name}")
        turns = [
            turn_of(item, context.roles, where=f"{context.origin}, {name}[{index}]")
            for index, item in enumerate(items)
        ]
        return chat(with_system(turns, record, context), record, context)


def turn_of(item: Any, roles: Mapping[str, str], *, where: str) -> Message:
    """One turn in ShareGPT's form.

    Raises: DataError: naming the part of the turn that is wrong.
    """
    if not isinstance(item, Mapping):
        raise DataError(f"{where}: got {shown(item)} ({kind_of(item)}), expected from and value")
    turn = cast("Mapping[str, Any]", item)
    for key in ("from", "value"):
        if key not in turn:
            hint = instead_of(key, turn)
            raise DataError(f"{where}.{key}: missing{hint}")
    role = role_of(turn["from"], _ROLES, roles, where=f"{where}.from")
    weight = weight_of(turn.get("weight"), where=f"{where}.weight")
    if turn["from"] == "function_call":
        calls = objects_of(turn["value"], where=f"{where}.value")
        made = tuple(tool_call(call, where=f"{where}.value") for call in calls)
        return Message(role, "", weight=weight, tool_calls=made)
    content, calls = content_of(turn["value"], where=f"{where}.value")
    return Message(role, content, weight=weight if role == "assistant" else 1.0, tool_calls=calls)
