"""Unpaired thumbs: a prompt, an answer, and whether it was found good."""

from __future__ import annotations

from typing import Any, ClassVar

from luthier.core.errors import DataError
from luthier.data.columns import CONVERSATIONS, MESSAGES, find
from luthier.data.formats import formats
from luthier.data.formats._answers import turns_of
from luthier.data.formats._input import input_beside, told_input, with_input
from luthier.data.formats._turns import with_system
from luthier.data.formats._values import kind_of, objects_of, shown
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape, Unusable
from luthier.data.formats.messages import record_of
from luthier.data.rows import Message, Rated, Row

_ASKED = ("prompt", "question", "instruction", "query", "user", *MESSAGES, *CONVERSATIONS)
_SAID = ("completion", "response", "answer", "output", "assistant")
_THUMBS = ("kto_tag", "thumbs", "thumb", "thumbs_up", "is_good", "desirable", "label", "rating",
           "feedback")  # fmt: skip
_SURE = _THUMBS[:6]
_TRL = ("prompt", "completion", "label")
"""Columns that mean thumbs where most labels are some, as TRL's KTO names them."""
_MOST = 0.75
"""Of so many labels that say good or bad the others are mistakes, to be named with their line: read
as prompts and completions, the bad answers would be learned like the good ones."""
_GOOD = frozenset({"true", "good", "up", "thumbs_up", "yes", "1", "1.0", "+1", "desirable", "👍"})
_BAD = frozenset(
    {"false", "bad", "down", "thumbs_down", "no", "0", "0.0", "-1", "undesirable", "👎"}
)
_ALSO_CLASSES = frozenset({"yes", "no", "1", "1.0", "+1", "0", "0.0", "-1"})
"""What stands as often for the class of a pair of texts."""


@formats.add
class Thumbs:
    """The answer may stand in a column of its own, or be the last turn of a conversation."""

    shape: ClassVar[Shape] = "rated"
    canonical: ClassVar[tuple[str, ...]] = (
        "prompt", "completion", "label", "input", "messages", "system", "tools"
    )  # fmt: skip
    rank: ClassVar[int] = 8
    about: ClassVar[About] = About(
        "an answer that was found good or bad",
        "{prompt: NAME, completion: NAME, label: NAME}",
        targets=frozenset({"label", "completion"}),
        names=frozenset(_SURE),
        is_exclusive=True,
    )

    def recognise(self, sample: Sample) -> Match | None:
        asked, thumb = find(_ASKED, sample.columns), find(_THUMBS, sample.columns)
        said = find(_SAID, sample.columns)
        holds_answer = asked in (*MESSAGES, *CONVERSATIONS)
        if not asked or (sample.answered and not (said or holds_answer)):
            return None
        beside = {} if holds_answer else input_beside(asked, sample)
        columns = {"prompt": asked, **beside} | ({"completion": said} if said else {})
        if not sample.answered:
            return Match(columns, f"column '{asked}' is the prompt", weak=True)
        values = [record.get(thumb) for record in sample.records]
        judged = [value for value in values if _judged(value) is not None]
        if not thumb or len(judged) < _MOST * len(values):
            return None
        plain = sum(_word(value) not in _ALSO_CLASSES for value in judged)
        is_sure = thumb in _SURE or (asked, said, thumb) == _TRL or plain >= _MOST * len(values)
        answer = f"'{said}' the answer" if said else "its last turn the answer"
        asks = f"column '{asked}' is the prompt{told_input(columns)}"
        why = f"{asks}, {answer}, and '{thumb}' says whether it was good"
        return Match({**columns, "label": thumb}, why, weak=not is_sure)

    def parse(self, record: Record, context: Context) -> Rated:
        columns = context.match.columns
        name = columns.get("messages", columns.get("prompt", "prompt"))
        turns = turns_of(record.get(name), "user", context, where=f"{context.origin}, {name}")
        turns = with_input(turns, record, context)
        if "completion" in columns:
            said = columns["completion"]
            where = f"{context.origin}, {said}"
            turns += turns_of(record.get(said), "assistant", context, where=where)
        elif not is_answered(turns) and context.answered:
            raise Unusable("no assistant turn")
        _check(turns, context)
        return Rated(
            origin=context.origin,
            group=context.group(record),
            messages=tuple(with_system(turns, record, context)),
            is_good=_thumb(record, context) if context.answered else True,
            tools=objects_of(context.value(record, "tools"), where=f"{context.origin}, tools"),
        )

    def record(self, row: Row) -> dict[str, Any]:
        assert isinstance(row, Rated)
        tools = {"tools": list(row.tools)} if row.tools else {}
        return {"messages": list(map(record_of, row.messages)), "is_good": row.is_good, **tools}


def is_answered(turns: list[Message]) -> bool:
    """Whether the last word is the assistant's."""
    return bool(turns) and turns[-1].role == "assistant"


def _check(turns: list[Message], context: Context) -> None:
    """Nothing, for a prompt with an answer.

    Raises: Unusable: one of them is empty.
    """
    rest = turns[:-1] if is_answered(turns) else turns
    if not any(turn.content.strip() or turn.tool_calls for turn in rest):
        raise Unusable("empty prompt")
    if not context.answered:
        return
    if not is_answered(turns) or not (turns[-1].content.strip() or turns[-1].tool_calls):
        raise Unusable("empty answer")


def _thumb(record: Record, context: Context) -> bool:
    name = context.match.columns.get("label", "label")
    value = record.get(name)
    found = _judged(value)
    if found is None:
        came = "nothing" if value is None else f"{shown(value)} ({kind_of(value)})"
        raise DataError(
            f"{context.origin}, {name}: got {came}, expected true or false (good or bad)"
        )
    return found


def _judged(value: Any) -> bool | None:
    """True for a good answer, False for a bad one, None for what says neither."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, str | int | float):
        return None
    word = _word(value)
    return True if word in _GOOD else False if word in _BAD else None


def _word(value: Any) -> str:
    return str(value).strip().lower()
