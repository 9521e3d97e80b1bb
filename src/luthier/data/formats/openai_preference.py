"""OpenAI's preference rows: `input` with messages, `preferred_output`, `non_preferred_output`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from luthier.core.errors import DataError
from luthier.data.columns import find
from luthier.data.formats import formats
from luthier.data.formats._answers import Turns, turns_of
from luthier.data.formats._values import kind_of, shown
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape
from luthier.data.formats.preference import preference
from luthier.data.rows import Preference

_KEYS = ("input", "preferred_output", "non_preferred_output")


@formats.add
class OpenAiPreference:
    """`input.messages` is the prompt, `input.tools` what it may call; each output is a list of
    messages."""

    shape: ClassVar[Shape] = "preference"
    canonical: ClassVar[tuple[str, ...]] = ("input", "preferred_output", "non_preferred_output")
    rank: ClassVar[int] = 6
    about: ClassVar[About] = About(
        "a prompt with a preferred and a non-preferred output",
        targets=frozenset(_KEYS[1:]),
        names=frozenset(_KEYS[1:]),
        is_exclusive=True,
    )

    def recognise(self, sample: Sample) -> Match | None:
        found = {name: find((name,), sample.columns) for name in _KEYS}
        held = [record.get(found["input"]) for record in sample.records]
        holds_turns = any(isinstance(value, Mapping) and "messages" in value for value in held)
        has_outputs = bool(found["preferred_output"] and found["non_preferred_output"])
        if not holds_turns or not (has_outputs or not sample.answered):
            return None
        columns = {name: column for name, column in found.items() if column}
        return Match(columns, "'input' holds messages, 'preferred_output' the better answer")

    def parse(self, record: Record, context: Context) -> Preference:
        given: Any = context.value(record, "input")
        if not isinstance(given, Mapping) or "messages" not in given:
            raise DataError(
                f"{context.origin}, input: got {shown(given)} ({kind_of(given)}), expected an "
                "object with messages"
            )
        asked = cast("Mapping[str, Any]", given)
        where = f"{context.origin}, input.messages"
        return preference(
            {**record, "tools": asked.get("tools")},
            context,
            prompt=turns_of(asked["messages"], "user", context, where=where),
            chosen=_output(record, context, "preferred_output"),
            rejected=_output(record, context, "non_preferred_output"),
        )


def _output(record: Record, context: Context, column: str) -> Turns:
    value = context.value(record, column)
    return tuple(turns_of(value, "assistant", context, where=f"{context.origin}, {column}"))
