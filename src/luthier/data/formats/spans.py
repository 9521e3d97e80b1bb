"""A text and its entities as spans of characters: `{start, end, label}`.

spaCy's and doccano's triples `[start, end, label]` are read alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from luthier.core.errors import DataError
from luthier.data.columns import DOCUMENT, find
from luthier.data.formats import formats
from luthier.data.formats._values import kind_of, shown, text_of, unpacked
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape, Unusable
from luthier.data.pieces import Labelled, tags_of, words_of
from luthier.data.rows import Tagged

ENTITIES = ("entities", "spans", "annotations", "ents", "label", "labels")
_TEXTS = (*DOCUMENT, "sentence", "data")
_LABEL = ("label", "type", "entity", "tag", "entity_type", "category")
_PLACES = ("start", "end"), ("start_offset", "end_offset"), ("begin", "end")


@formats.add
class Spans:
    """The text is cut into words where letters and digits end; an entity counts whole words."""

    shape: ClassVar[Shape] = "tagged"
    canonical: ClassVar[tuple[str, ...]] = ("text", "entities")
    rank: ClassVar[int] = 16
    about: ClassVar[About] = About(
        "a text with its entities",
        "{text: NAME, entities: NAME}",
        targets=frozenset({"entities"}),
        names=frozenset({"entities", "spans"}),
    )

    def recognise(self, sample: Sample) -> Match | None:
        text = find(_TEXTS, sample.columns)
        if not text:
            return None
        spans = find(ENTITIES, [column for column in sample.columns if column != text])
        if not sample.answered and not spans:
            return Match({"text": text}, f"column '{text}' is the text", weak=True)
        values = [record.get(spans) for record in sample.records]
        if not spans or not any(_are_spans(value) for value in values):
            return None
        why = f"column '{text}' is the text and '{spans}' holds its entities, from start to end"
        return Match({"text": text, "entities": spans}, why)

    def parse(self, record: Record, context: Context) -> Tagged:
        name = context.match.columns.get("text", "text")
        text = text_of(record.get(name), where=f"{context.origin}, {name}")
        words, starts = words_of(text)
        if not words:
            raise Unusable("no words")
        tags: tuple[str, ...] = ()
        if context.answered:
            column = context.match.columns.get("entities", "entities")
            where = f"{context.origin}, {column}"
            given = unpacked(record.get(column), where=where) or []
            if not isinstance(given, list):
                raise DataError(f"{where}: got {shown(given)} ({kind_of(given)}), expected a list")
            items = cast("list[Any]", given)
            spans = [_span(one, text, where=f"{where}[{at}]") for at, one in enumerate(items)]
            found, remarks = tags_of(words, starts, spans)
            context.remarks.extend(remarks)
            tags = tuple(found)
        group = context.group(record)
        return Tagged(
            origin=context.origin, group=group, tokens=words, tags=tags, text=text, starts=starts
        )


def _are_spans(value: Any) -> bool:
    if isinstance(value, str) and value.lstrip().startswith(("[[", "[{")):
        return True
    if not isinstance(value, list) or not value:
        return False
    first: Any = value[0]
    if isinstance(first, Mapping):
        return any(start in first for start, _ in _PLACES)
    is_triple = isinstance(first, list | tuple) and len(cast("list[Any]", first)) == 3
    return is_triple and isinstance(first[0], int)


def _span(item: Any, text: str, *, where: str) -> Labelled:
    start, end, label, quoted = _parts(item)
    if type(start) is not int or type(end) is not int or not isinstance(label, str) or not label:
        raise DataError(
            f"{where}: got {shown(item)}, expected {{start, end, label}} or [start, end, label], "
            "start and end as whole numbers of characters"
        )
    if not 0 <= start < end <= len(text):
        raise DataError(
            f"{where}: the entity goes from {start} to {end}, and the text has {len(text)} "
            "characters.\n    Count characters from 0; the end is the first one behind the entity"
        )
    if isinstance(quoted, str) and quoted.strip() != text[start:end].strip():
        at = text.find(quoted)
        there = f"; it stands at {at}" if at >= 0 else ""
        raise DataError(
            f"{where}: says {shown(quoted)}, and characters {start} to {end} of the text are "
            f"{text[start:end]!r}{there}.\n    Correct the places (characters, counted from 0)"
        )
    return Labelled(start, end, "_".join(label.split()))


def _parts(item: Any) -> tuple[Any, Any, Any, Any]:
    if isinstance(item, Mapping):
        held = cast("Mapping[str, Any]", item)
        first, last = next(((a, b) for a, b in _PLACES if a in held), _PLACES[0])
        label = next((held[name] for name in _LABEL if name in held), None)
        if isinstance(label, list) and len(cast("list[Any]", label)) == 1:
            label = label[0]
        return held.get(first), held.get(last), label, held.get("text")
    if isinstance(item, list | tuple) and len(cast("list[Any]", item)) == 3:
        return item[0], item[1], item[2], None
    return None, None, None, None
