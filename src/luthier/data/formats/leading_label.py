"""Lines of text that begin with their class: `__label__spam Text` (fastText) or `LOC:city Text`."""

from __future__ import annotations

import re
from typing import ClassVar

from luthier.core.errors import DataError
from luthier.data.columns import DOCUMENT, find
from luthier.data.formats import formats
from luthier.data.formats._values import text_of
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape
from luthier.data.formats.labeled import labeled
from luthier.data.rows import Labeled

PREFIX = "__label__"
_FIRST_WORD = re.compile(r"(__label__\S+|[A-Za-z_]+:[A-Za-z_]+)\s+\S")
FEWEST = 3
"""Lines from which on their first words are looked at."""


@formats.add
class LeadingLabel:
    """The first word is the class, the rest of the line the text."""

    shape: ClassVar[Shape] = "labeled"
    canonical: ClassVar[tuple[str, ...]] = ("text",)
    rank: ClassVar[int] = 45
    about: ClassVar[About] = About("a text with its label")

    def recognise(self, sample: Sample) -> Match | None:
        column = find(DOCUMENT, sample.columns)
        if not column or len(sample.columns) > 1 or len(sample.records) < FEWEST:
            return None
        words = [_FIRST_WORD.match(str(record.get(column, ""))) for record in sample.records]
        names = [word[1] for word in words if word]
        if len(names) < len(words) or len(set(names)) > 0.7 * len(names):
            return None
        why = f"every line begins with one of a few classes, such as '{names[0]}'"
        return Match({"text": column}, why)

    def parse(self, record: Record, context: Context) -> Labeled:
        name = context.match.columns.get("text", "text")
        line = text_of(record.get(name), where=f"{context.origin}, {name}")
        if not context.answered and not _FIRST_WORD.match(line):
            return labeled(line, "", context, record=record)
        label, text = [*line.split(maxsplit=1), "", ""][:2]
        more = [word for word in text.split() if word.startswith(PREFIX)]
        if label.startswith(PREFIX) and more:
            raise DataError(
                f"{context.origin}: two labels, '{label}' and '{more[0]}', expected one.\n"
                "    Use objective multilabel, which reads such lines with all their labels; or "
                "leave one label in each line"
            )
        return labeled(text.strip(), label.removeprefix(PREFIX), context, record=record)
