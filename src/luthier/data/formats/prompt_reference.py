"""A prompt to be answered, with what a grader may want to know of the right answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, cast

from luthier.data.columns import CONVERSATIONS, MESSAGES, PROMPTS, find
from luthier.data.formats import formats
from luthier.data.formats._input import input_beside, told_input, with_input
from luthier.data.formats._turns import with_system
from luthier.data.formats._values import objects_of, text_of, unpacked, whole_characters
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape, Unusable
from luthier.data.formats.messages import message_of, record_of
from luthier.data.rows import Message, Prompt, Row

REFERENCE = (
    "reference", "reference_answer", "ground_truth", "solution", "final_answer", "expected",
    "answer", "target", "completion", "response", "output", "label",
)  # fmt: skip
"""Names of the right answer, surest first."""
_SURE = REFERENCE[:6]
_ASKED = ("prompt", "question", "problem", "query", "instruction", "input", "user")


@formats.add
class PromptReference:
    """The prompt may be a text or a list of turns. Every column stays at hand for graders."""

    shape: ClassVar[Shape] = "prompt"
    canonical: ClassVar[tuple[str, ...]] = (
        "prompt", "reference", "input", "system", "tools", "messages"
    )  # fmt: skip
    rank: ClassVar[int] = 90
    about: ClassVar[About] = About(
        "a prompt",
        "{prompt: NAME, reference: NAME}",
        targets=frozenset({"reference"}),
        rest="for graders alone",
    )

    def recognise(self, sample: Sample) -> Match | None:
        asked = find((*_ASKED, *MESSAGES, *CONVERSATIONS, *(a for a, _ in PROMPTS)), sample.columns)
        if not asked:
            return None
        columns = {"prompt": asked, **input_beside(asked, sample)}
        asks = f"column '{asked}' is the prompt{told_input(columns)}"
        right = find(REFERENCE, [column for column in sample.columns if column != asked])
        if not right:
            return Match(columns, asks, weak=True)
        sure = bool(find(_SURE, sample.columns))
        why = f"{asks}, '{right}' the right answer"
        return Match({**columns, "reference": right}, why, weak=not sure)

    def parse(self, record: Record, context: Context) -> Prompt:
        name = context.match.columns.get("prompt", "prompt")
        turns = _turns(record.get(name), context, where=f"{context.origin}, {name}")
        given = context.value(record, "reference") if context.answered else None
        reference = reference_of(given)
        if turns and turns[-1].role == "assistant":  # a whole conversation: its end is the answer
            reference = reference or turns[-1].content
            turns = turns[:-1]
        turns = with_input(turns, record, context)
        if not any(turn.content.strip() for turn in turns):
            raise Unusable("empty prompt")
        return Prompt(
            origin=context.origin,
            group=context.group(record),
            messages=tuple(with_system(turns, record, context)),
            reference=reference,
            fields=_plain(record),
            tools=objects_of(context.value(record, "tools"), where=f"{context.origin}, tools"),
        )

    def record(self, row: Row) -> dict[str, Any]:
        """With the other columns of the record it came from."""
        assert isinstance(row, Prompt)
        right = {"reference": row.reference} if row.reference else {}
        tools = {"tools": list(row.tools)} if row.tools else {}
        return {**row.fields, "prompt": list(map(record_of, row.messages)), **right, **tools}


def reference_of(value: Any) -> str:
    """A right answer as text: numbers as they are written, objects and lists as JSON."""
    if isinstance(value, str):
        return whole_characters(value)
    if value is None or value != value:
        return ""
    if isinstance(value, bool | dict | list):
        return json.dumps(value, ensure_ascii=False)
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)


def _turns(value: Any, context: Context, *, where: str) -> list[Message]:
    value = unpacked(value, where=where) if _is_turns(value) else value
    if not isinstance(value, list):
        return [Message("user", text_of(value, where=where))]
    items = cast("list[Any]", value)
    return [message_of(item, context.roles, where=f"{where}[{i}]") for i, item in enumerate(items)]


def _is_turns(value: Any) -> bool:
    return isinstance(value, str) and value.lstrip().startswith("[{")


def _plain(record: Record) -> Mapping[str, Any]:
    """The record as JSON values: dates and the like become text."""
    return json.loads(json.dumps(dict(record), default=str, ensure_ascii=False))
