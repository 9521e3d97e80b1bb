"""Answers to one prompt, in any of the forms that files of preferences have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from luthier.core.errors import DataError
from luthier.data.formats._values import shown, text_of, unpacked
from luthier.data.formats.contract import Context, Unusable
from luthier.data.formats.messages import message_of
from luthier.data.formats.sharegpt import turn_of
from luthier.data.rows import Message, Role

Turns = tuple[Message, ...]
_SPEAKER = re.compile(r"(?:^|\n\n)\s*(Human|Assistant):")
"""Marks of the turns of a conversation written as one text, as in Bai et al. 2022."""


def turns_of(value: Any, role: Role, context: Context, *, where: str) -> list[Message]:
    """A text as one turn of `role`; a conversation, as a list or with marks of speakers, as turns.

    Raises: DataError: naming the part that is neither.
    """
    value = unpacked(value, where=where) if _is_list(value) else value
    if isinstance(value, Mapping):
        return [_turn(cast("Mapping[str, Any]", value), context, where=where)]
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_turn(item, context, where=f"{where}[{i}]") for i, item in enumerate(items)]
    text = text_of(value, where=where)
    if is_dialogue(text):
        return _spoken(text)
    return [Message(role, text)] if text.strip() else []


def is_dialogue(text: Any) -> bool:
    """Whether a text is a conversation that begins with "Human:" and names who speaks."""
    if not isinstance(text, str):
        return False
    first = _SPEAKER.match(text)
    return first is not None and first[1] == "Human"


def both(prompt: Sequence[Message], chosen: Turns, rejected: Turns, *, where: str) -> Turns:
    """What both conversations begin with: the prompt, where there is one, and more turns that
    they share. Answers alone are taken to follow the prompt.

    Returns: the beginning. Both answers are what goes on from there (`after`).
    Raises: DataError: they do not begin alike, or not with the prompt.
    """
    for name, turns in (("chosen", chosen), ("rejected", rejected)):
        if prompt and is_whole(turns) and not _begins(turns, prompt):
            raise DataError(
                f"{where}: the conversation in '{name}' does not begin with the prompt: "
                f"{shown(turns[0].content)} instead of {shown(prompt[0].content)}.\n"
                "    Both answers must go on from one prompt; correct the row, or name the column "
                "of the prompt: data.columns = {prompt: NAME}"
            )
    if not (is_whole(chosen) and is_whole(rejected)):
        if not prompt:
            raise DataError(
                f"{where}: there is no prompt, and 'chosen' and 'rejected' are answers alone.\n"
                "    Name the column of what was asked: data.columns = {prompt: NAME}"
            )
        return tuple(prompt)
    pairs = zip(chosen, rejected, strict=False)
    num = next((at for at, pair in enumerate(pairs) if not _same(*pair)), None)
    if num == 0:
        raise DataError(
            f"{where}: the conversations in 'chosen' and 'rejected' begin differently: "
            f"{shown(chosen[0].content)} and {shown(rejected[0].content)}.\n"
            "    Both answers must go on from one prompt; correct the row, or give the prompt in a "
            "column of its own: data.columns = {prompt: NAME}"
        )
    return chosen[: min(len(chosen), len(rejected)) if num is None else num]


def after(beginning: Turns, turns: Turns) -> Turns:
    """The answer: what `turns` say after the beginning, up to the last assistant turn.

    Raises: Unusable: nothing.
    """
    rest = turns[len(beginning) :] if _begins(turns, beginning) else turns
    spoken = [at for at, turn in enumerate(rest) if turn.role == "assistant"]
    if not spoken:
        raise Unusable("no answer")
    rest = rest[: spoken[-1] + 1]
    if any(not _says(rest[at]) for at in spoken):
        raise Unusable("empty answer")
    return rest


def _says(turn: Message) -> bool:
    return bool(turn.content.strip() or turn.tool_calls)


def is_whole(turns: Turns) -> bool:
    """Whether these are a whole conversation, not an answer alone."""
    return bool(turns) and turns[0].role in ("system", "user")


def _begins(turns: Turns, beginning: Sequence[Message]) -> bool:
    pairs = zip(turns, beginning, strict=False)
    return len(turns) >= len(beginning) and all(_same(one, other) for one, other in pairs)


def _same(one: Message, other: Message) -> bool:
    is_alike = one.content.strip() == other.content.strip()
    return is_alike and (one.role, one.tool_calls) == (other.role, other.tool_calls)


def _turn(item: Any, context: Context, *, where: str) -> Message:
    """A turn in OpenAI's form or in ShareGPT's."""
    if isinstance(item, Mapping) and "from" in item:
        return turn_of(item, context.roles, where=where)
    return message_of(item, context.roles, where=where)


def _spoken(text: str) -> list[Message]:
    parts = _SPEAKER.split(text)[1:]
    roles: Mapping[str, Role] = {"Human": "user", "Assistant": "assistant"}
    said = zip(parts[::2], parts[1::2], strict=True)
    turns = [Message(roles[name], words.strip()) for name, words in said]
    # a prompt of this kind ends with the mark of the one who is to speak
    return turns[:-1] if turns[-1].role == "assistant" and not turns[-1].content else turns


def _is_list(value: Any) -> bool:
    return isinstance(value, str) and re.match(r"\s*\[\s*\{", value) is not None
