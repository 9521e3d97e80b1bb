"""Lines of text that begin with all their classes: `__label__sauce __label__cheese Text`."""

from __future__ import annotations

import re
from typing import ClassVar

from luthier.data.columns import DOCUMENT, find
from luthier.data.formats import formats
from luthier.data.formats._values import text_of
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape, Unusable
from luthier.data.formats.leading_label import FEWEST, PREFIX
from luthier.data.rows import Multilabeled

_LABEL = re.compile(rf"(?<!\S){PREFIX}(\S+)\s*")


@formats.add
class LeadingLabels:
    """fastText's lines; as there, a word with the mark is a label wherever in the line it stands,
    and a line without one has no label."""

    shape: ClassVar[Shape] = "multilabeled"
    canonical: ClassVar[tuple[str, ...]] = ("text",)
    rank: ClassVar[int] = 44
    about: ClassVar[About] = About("a text with all its labels")

    def recognise(self, sample: Sample) -> Match | None:
        column = find(DOCUMENT, sample.columns)
        if not column or len(sample.columns) > 1 or len(sample.records) < FEWEST:
            return None
        found = [_LABEL.findall(str(record.get(column, ""))) for record in sample.records]
        if 2 * sum(map(bool, found)) < len(found):
            return None
        several = any(len(labels) > 1 for labels in found)
        return Match({"text": column}, f"its labels stand in a line as {PREFIX}", weak=not several)

    def parse(self, record: Record, context: Context) -> Multilabeled:
        name = context.match.columns.get("text", "text")
        line = text_of(record.get(name), where=f"{context.origin}, {name}")
        text = _LABEL.sub("", line).strip()
        if not text:
            raise Unusable("empty text")
        labels = _LABEL.findall(line) if context.answered else []
        group = context.group(record)
        return Multilabeled(origin=context.origin, group=group, text=text, labels=tuple(labels))
