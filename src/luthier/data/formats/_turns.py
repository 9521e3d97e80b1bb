"""Turns of a conversation, checked one by one, and the conversation they make."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

from luthier.core.errors import DataError
from luthier.core.hints import did_you_mean, nearest
from luthier.data.formats._reasoning import block, kept_reasoning
from luthier.data.formats._values import (
    check_nesting,
    kind_of,
    objects_of,
    shown,
    text_of,
    whole_characters,
)
from luthier.data.formats.contract import Context, Record, Unusable
from luthier.data.json_value import DECODER
from luthier.data.rows import ROLES, Chat, Message, Role, SpanWeight

OPENAI_ROLES: Mapping[str, Role] = {
    "system": "system", "developer": "system", "user": "user", "assistant": "assistant",
    "tool": "tool", "function": "tool",
}  # fmt: skip


def role_of(value: Any, known: Mapping[str, Role], roles: Mapping[str, str], *, where: str) -> Role:
    """The role a file's word stands for, by the user's mapping first, then by `known`.

    Raises: DataError: unknown, with the line to add to the recipe.
    """
    name = roles.get(value, value) if isinstance(value, str) else value
    role = known.get(name) if isinstance(name, str) else None
    if role is None and name in ROLES:
        role = name
    if role is None and name != value:
        hint = did_you_mean(str(name), ROLES)
        raise DataError(
            f"{where}: {shown(value)} is mapped to {shown(name)} (data.roles), expected 'system', "
            f"'user', 'assistant' or 'tool'{hint}"
        )
    if role is None:
        raise DataError(
            f"{where}: got {shown(value)}, expected 'system', 'user', 'assistant' or 'tool'.\n"
            f"    Rename it, or map it: data.roles = {{{value}: assistant}}"
        )
    return role


def content_of(value: Any, *, where: str) -> tuple[str, tuple[Mapping[str, Any], ...]]:
    """Text of a message and the tool calls written among its parts.

    A list of parts is joined; reasoning parts are put between <think> marks before the rest.
    Raises: DataError: a number, or a part that is no text.
    """
    if isinstance(value, str):
        return whole_characters(value), ()
    if value is None:
        return "", ()
    if not isinstance(value, list):
        raise DataError(
            f"{where}: got {shown(value)} ({kind_of(value)}), expected text.\n"
            f'    Write it in quotes: "{str(value)[:40]}"'
        )
    texts: list[str] = []
    calls: list[Mapping[str, Any]] = []
    for index, part in enumerate(cast("list[Any]", value)):
        _add_part(part, texts, calls, where=f"{where}[{index}]")
    return "".join(texts), tuple(calls)


def _add_part(part: Any, texts: list[str], calls: list[Mapping[str, Any]], *, where: str) -> None:
    if isinstance(part, str):
        texts.append(whole_characters(part))
        return
    if not isinstance(part, Mapping):
        raise DataError(f"{where}: got {shown(part)} ({kind_of(part)}), expected a part of content")
    kind = part.get("type", "text")
    held = part.get("text", part.get("value"))
    if kind in ("text", "input_text", "output_text"):
        texts.append(text_of(held, where=f"{where}.text"))
    elif kind == "reasoning":
        texts.append(block(text_of(held, where=where)))
    elif kind == "tool_call":
        calls.extend(tool_call(call, where=where) for call in objects_of(held, where=where))
    else:
        raise DataError(
            f"{where}.type: got {shown(kind)}, expected 'text'.\n"
            "    Pictures, sound and files cannot be learned from; remove these rows or parts"
        )


def tool_call(call: Mapping[str, Any], *, where: str) -> Mapping[str, Any]:
    """A call in OpenAI's form, its arguments as an object wherever they are one.

    Templates write arguments as JSON; a string of JSON would be quoted twice.
    """
    function: Any = call.get("function", call)
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise DataError(f"{where}: got {shown(call)}, expected an object with a function name")
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        try:
            parsed = DECODER.decode(arguments)
        except json.JSONDecodeError:
            parsed = arguments
        arguments = parsed if isinstance(parsed, dict) else arguments
    if isinstance(arguments, Mapping):
        check_nesting(arguments, where=where)
    called = {"name": function["name"], "arguments": arguments}
    identity = {"id": call["id"]} if isinstance(call.get("id"), str) else {}
    return {**identity, "type": "function", "function": called}


def instead_of(key: str, turn: Mapping[str, Any]) -> str:
    """A clause that names what a turn has in place of a missing key."""
    guess = nearest(key, [str(name) for name in turn])
    if guess is not None:
        return f"; is '{guess}' meant to be it?"
    return f"; it has {', '.join(repr(name) for name in turn)}" if turn else "; the turn is empty"


def weight_of(value: Any, *, where: str) -> float:
    """How much a turn counts; 1 where nothing is said.

    Raises: DataError: not a number, or below 0.
    """
    if value is None:
        return 1.0
    if isinstance(value, int | float) and 0 <= value < float("inf"):
        return float(value)
    raise DataError(f"{where}: got {shown(value)}, expected 0, 1 or another number of at least 0")


def spans_of(value: Any, content: str, *, where: str) -> tuple[SpanWeight, ...]:
    """Pieces of a turn with weights of their own, in order.

    Raises: DataError: one is not within the text, overlaps another, or has no weight.
    """
    found: list[SpanWeight] = []
    for index, item in enumerate(objects_of(value, where=where)):
        place = f"{where}[{index}]"
        start, end = item.get("start"), item.get("end")
        if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(content):
            raise DataError(
                f"{place}: got start {shown(start)} and end {shown(end)}, expected whole numbers "
                f"with 0 <= start < end <= {len(content)}, the characters of this content"
            )
        if "weight" not in item:
            raise DataError(f"{place}.weight: missing, expected how much these characters count")
        found.append(SpanWeight(start, end, weight_of(item["weight"], where=f"{place}.weight")))
    found.sort(key=lambda span: span.start)
    for before, after in pairwise(found):
        if after.start < before.end:
            raise DataError(
                f"{where}: [{before.start}, {before.end}) and [{after.start}, {after.end}) overlap;"
                " give every character one weight"
            )
    return tuple(found)


def with_system(turns: list[Message], record: Record, context: Context) -> list[Message]:
    """The turns behind what column `system` says, where they have no system turn of their own."""
    system = text_of(context.value(record, "system"), where=f"{context.origin}, system")
    if not system:
        return turns
    if turns and turns[0].role == "system":
        if turns[0].content.strip() != system.strip():
            context.remarks.append("column 'system' left out: the turns begin with another")
        return turns
    return [Message("system", system), *turns]


def chat(messages: Sequence[Message], record: Record, context: Context) -> Chat:
    """The conversation, cut behind its last assistant turn (what follows is never answered).

    Raises: Unusable: there is nothing in it to learn.
    """
    tools = objects_of(context.value(record, "tools"), where=f"{context.origin}, tools")
    group = context.group(record)
    messages, is_shorter = kept_reasoning(messages, context.reasoning, answered=context.answered)
    if is_shorter:
        context.remarks.append(f"reasoning left out (data.reasoning: {context.reasoning})")
    if not context.answered:
        kept = tuple(messages)
        if not kept:
            raise Unusable("no messages")
        if not any(message.content.strip() or message.tool_calls for message in kept):
            raise Unusable("empty prompt")
        return Chat(origin=context.origin, group=group, messages=kept, tools=tools)
    answers = [at for at, message in enumerate(messages) if message.role == "assistant"]
    if not answers:
        raise Unusable("no assistant turn")
    for at in answers:
        turn = messages[at]
        if turn.is_learned and not turn.content.strip() and not turn.tool_calls:
            raise Unusable("empty answer")
    if not any(messages[at].is_learned for at in answers):
        raise Unusable("every assistant turn has weight 0")
    kept = tuple(messages[: answers[-1] + 1])
    if len(kept) < len(messages):
        context.remarks.append("turns behind the last assistant turn left out")
    if not any(message.content.strip() or message.tool_calls for message in kept[:-1]):
        raise Unusable("empty prompt")
    return Chat(origin=context.origin, group=group, messages=kept, tools=tools)
