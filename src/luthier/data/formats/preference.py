"""Preference rows: a prompt with a chosen and a rejected answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from luthier.core.errors import DataError
from luthier.data.columns import CONVERSATIONS, MESSAGES, find
from luthier.data.formats import formats
from luthier.data.formats._answers import Turns, after, both, is_whole, turns_of
from luthier.data.formats._input import input_beside, told_input, with_input
from luthier.data.formats._turns import with_system
from luthier.data.formats._values import objects_of, shown
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape, Unusable
from luthier.data.formats.messages import record_of
from luthier.data.rows import Message, Preference, Row

_CHOSEN = ("chosen", "chosen_messages", "chosen_response", "preferred", "accepted")
_REJECTED = ("rejected", "rejected_messages", "rejected_response", "dispreferred", "refused")
_ASKED = ("prompt", "question", "instruction", "query", "user", *MESSAGES, *CONVERSATIONS, "input")
_SCORES = (("score_chosen", "score_rejected"), ("chosen_score", "rejected_score"))
_SAME = "chosen and rejected are the same answer"


@formats.add
class ChosenRejected:
    """Answers may be texts, turns, or whole conversations that begin alike: lists of messages,
    ShareGPT's lists, or one text with "Human:" and "Assistant:". `margin` says how much better the
    chosen one is; a score of each says it too."""

    shape: ClassVar[Shape] = "preference"
    canonical: ClassVar[tuple[str, ...]] = (
        "prompt", "chosen", "rejected", "system", "tools", "margin", "input"
    )  # fmt: skip
    rank: ClassVar[int] = 7
    about: ClassVar[About] = About(
        "a prompt with a chosen and a rejected answer",
        "{prompt: NAME, chosen: NAME, rejected: NAME}",
        targets=frozenset({"chosen", "rejected", "margin"}),
        names=frozenset({*_CHOSEN, *_REJECTED, "margin", *(n for pair in _SCORES for n in pair)}),
        is_exclusive=True,
    )

    def recognise(self, sample: Sample) -> Match | None:
        chosen, rejected = find(_CHOSEN, sample.columns), find(_REJECTED, sample.columns)
        asked = find(_ASKED, sample.columns)
        columns = {"prompt": asked, "chosen": chosen, "rejected": rejected}
        columns = {name: column for name, column in columns.items() if column}
        columns |= input_beside(asked, sample) if asked else {}
        for better, worse in _SCORES:
            if better in sample.columns and worse in sample.columns:
                columns |= {"score_chosen": better, "score_rejected": worse}
                break
        if not (chosen and rejected):
            return None if sample.answered else _to_answer(columns)
        beside = (
            f"column '{asked}' is the prompt{told_input(columns)}"
            if asked
            else "the prompt is what both begin with"
        )
        why = f"{beside}, '{chosen}' is preferred to '{rejected}'"
        return Match(columns, why)

    def parse(self, record: Record, context: Context) -> Preference:
        chosen = _turns(record, context, "chosen")
        prompt = _prompt(record, context)
        return preference(
            record,
            context,
            # a conversation that begins with the prompt holds what the prompt is about, too
            prompt=prompt
            if is_whole(chosen)
            else with_input(prompt, record, context, between="\n\n"),
            chosen=chosen,
            rejected=_turns(record, context, "rejected"),
        )

    def record(self, row: Row) -> dict[str, Any]:
        assert isinstance(row, Preference)
        tools = {"tools": list(row.tools)} if row.tools else {}
        return {
            "prompt": list(map(record_of, row.messages)),
            "chosen": list(map(record_of, row.chosen)),
            "rejected": list(map(record_of, row.rejected)),
            **tools,
            **({"margin": row.margin} if row.margin else {}),
        }


def preference(
    record: Record, context: Context, *, prompt: list[Message], chosen: Turns, rejected: Turns
) -> Preference:
    """The row. Where both answers are missing and may be, one that is still to be answered.

    Raises: Unusable: nothing can be learned from it. DataError: the answers have no common prompt.
    """
    where = str(context.origin)
    if not context.answered and not (chosen and rejected):
        beginning, parts = tuple(prompt), (chosen, ())
    elif not (chosen and rejected):
        raise Unusable("empty answer")
    elif chosen == rejected:
        raise Unusable(_SAME)
    elif not (prompt or is_whole(chosen)) and {"prompt", "input"} & context.match.columns.keys():
        raise Unusable("empty prompt")
    else:
        beginning = both(prompt, chosen, rejected, where=where)
        parts = (after(beginning, chosen), after(beginning, rejected))
    if _said(parts[0]) == _said(parts[1]) and context.answered:
        raise Unusable(_SAME)
    if not any(turn.content.strip() or turn.tool_calls for turn in beginning):
        raise Unusable("empty prompt")
    return Preference(
        origin=context.origin,
        group=context.group(record),
        messages=tuple(with_system(list(beginning), record, context)),
        chosen=parts[0],
        rejected=parts[1],
        tools=objects_of(context.value(record, "tools"), where=f"{where}, tools"),
        margin=_margin(record, context),
    )


def _to_answer(columns: Mapping[str, str]) -> Match | None:
    """Rows that only ask, of a file to be answered."""
    asked = columns.get("prompt", "")
    why = f"column '{asked}' is the prompt, to be answered"
    return Match({"prompt": asked}, why, weak=True) if asked else None


def _said(turns: Turns) -> list[tuple[Any, ...]]:
    return [(turn.role, turn.content.strip(), turn.tool_calls) for turn in turns]


def _prompt(record: Record, context: Context) -> list[Message]:
    """The turns before the answers."""
    name = context.match.columns.get("prompt", "prompt")
    return turns_of(record.get(name), "user", context, where=f"{context.origin}, {name}")


def _turns(record: Record, context: Context, column: str) -> Turns:
    name = context.match.columns.get(column, column)
    where = f"{context.origin}, {name}"
    return tuple(turns_of(record.get(name), "assistant", context, where=where))


def _margin(record: Record, context: Context) -> float:
    """How much better the chosen answer is; 0, and a remark, where it should be worse."""
    found = _told_margin(record, context)
    if found < 0:
        context.remarks.append(
            "the rejected answer has the higher score, against the order of the pair, which "
            "counts: the margin is left out"
        )
    return max(0.0, found)


def _told_margin(record: Record, context: Context) -> float:
    columns = context.match.columns
    if "score_chosen" not in columns:
        return _number(context.value(record, "margin"), where=f"{context.origin}, margin") or 0.0
    better, worse = (
        _number(record.get(columns[name]), where=f"{context.origin}, {columns[name]}")
        for name in ("score_chosen", "score_rejected")
    )
    if better is not None and worse is not None:
        return better - worse
    if better is not worse:
        context.remarks.append("only one of the two answers has a score: the margin is left out")
    return 0.0


def _number(value: Any, *, where: str) -> float | None:
    """None: nothing is told."""
    if value is None or value == "":
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise DataError(f"{where}: got {shown(value)}, expected a number")
    return found
