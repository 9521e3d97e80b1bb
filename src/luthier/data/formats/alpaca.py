"""Alpaca rows: instruction, optional input, output; also history and system."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from luthier.core.errors import DataError
from luthier.data.columns import find
from luthier.data.formats import formats
from luthier.data.formats._input import input_beside
from luthier.data.formats._turns import chat
from luthier.data.formats._values import shown, text_of
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape
from luthier.data.rows import Chat, Message

_COLUMNS = ("instruction", "input", "output", "history", "system")


@formats.add
class Alpaca:
    """The user's turn is the instruction, then a line end and the input where there is one."""

    shape: ClassVar[Shape] = "chat"
    canonical: ClassVar[tuple[str, ...]] = (*_COLUMNS, "tools")
    rank: ClassVar[int] = 30
    about: ClassVar[About] = About("prompt and completion", targets=frozenset({"output"}))

    def recognise(self, sample: Sample) -> Match | None:
        found = {name: find((name,), sample.columns) for name in _COLUMNS}
        if not found["instruction"] or (sample.answered and not found["output"]):
            return None
        columns = {name: column for name, column in found.items() if column}
        columns = input_beside(found["instruction"], sample) | columns
        return Match(columns, "columns " + ", ".join(f"'{name}'" for name in columns.values()))

    def parse(self, record: Record, context: Context) -> Chat:
        held = {
            name: text_of(context.value(record, name), where=f"{context.origin}, {name}")
            for name in ("system", "instruction", "input", "output")
        }
        turns = [Message("system", held["system"])] if held["system"] else []
        turns += _history(context.value(record, "history"), where=f"{context.origin}, history")
        asked = [part for part in (held["instruction"], held["input"]) if part.strip()]
        turns.append(Message("user", "\n".join(asked)))
        if held["output"] or context.answered:
            turns.append(Message("assistant", held["output"]))
        return chat(turns, record, context)


def _history(value: Any, *, where: str) -> list[Message]:
    if not value:
        return []
    turns: list[Message] = []
    for index, pair in enumerate(cast("list[Any]", value) if isinstance(value, list) else [value]):
        if not isinstance(pair, list) or len(cast("list[Any]", pair)) != 2:
            raise DataError(
                f"{where}[{index}]: got {shown(pair)}, expected a pair [instruction, answer]"
            )
        asked, answered = (text_of(item, where=f"{where}[{index}]") for item in pair)
        turns += [Message("user", asked), Message("assistant", answered)]
    return turns
