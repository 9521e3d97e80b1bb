"""Running text to learn from as it is."""

from __future__ import annotations

from typing import Any, ClassVar

from luthier.data.columns import DOCUMENT, LABEL, find
from luthier.data.formats import formats
from luthier.data.formats._values import text_of
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape, Unusable
from luthier.data.rows import Row, Text


@formats.add
class RawText:
    """Every token of the text is a target."""

    shape: ClassVar[Shape] = "text"
    canonical: ClassVar[tuple[str, ...]] = ("text",)
    rank: ClassVar[int] = 60
    about: ClassVar[About] = About("running text", "{text: NAME}")

    def recognise(self, sample: Sample) -> Match | None:
        column = find(DOCUMENT, sample.columns)
        if not column:
            return None
        why = f"column '{column}' holds running text"
        label = find(LABEL, [name for name in sample.columns if name != column])
        if label and sample.answered:
            why += (
                f"; '{label}' is not read (as classes: objective.name = classify, as numbers: "
                "objective.name = regress)"
            )
        return Match({"text": column}, why)

    def parse(self, record: Record, context: Context) -> Text:
        name = context.match.columns.get("text", "text")
        text = text_of(record.get(name), where=f"{context.origin}, {name}")
        if not text.strip():
            raise Unusable("empty text")
        return Text(origin=context.origin, group=context.group(record), text=text)

    def record(self, row: Row) -> dict[str, Any]:
        assert isinstance(row, Text)
        return {"text": row.text}
