"""A text with the names of all classes it belongs to: a list, names with a mark between, or a
column of 0 and 1 for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

from luthier.core.errors import DataError
from luthier.data.columns import LABEL, find, texts_among
from luthier.data.formats import formats
from luthier.data.formats._values import label_of, shown, text_of, unpacked
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape, Unusable
from luthier.data.rows import Multilabeled, Row

LABELS = (
    "labels", "tags", "categories", "topics", "genres", "classes", "keywords", "emotions",
    "intents", *LABEL,
)  # fmt: skip
_MARKS = ("|", ";", ",")
_NO = frozenset({"0", "0.0", "", "false", "False", "no", "None"})
_YES = frozenset({"1", "1.0", "true", "True", "yes"})
_FEWEST_COLUMNS = 2
_BESIDE = frozenset({"id", "idx", "index", "example_id", "comment_id", "split"})


@formats.add
class TextLabels:
    """A row may belong to no class at all."""

    shape: ClassVar[Shape] = "multilabeled"
    canonical: ClassVar[tuple[str, ...]] = ("text", "labels", "text_pair")
    rank: ClassVar[int] = 48
    about: ClassVar[About] = About(
        "a text with all its labels",
        "{text: NAME, labels: NAME}",
        targets=frozenset({"labels"}),
        names=frozenset({"labels", "tags", "categories", "topics", "genres"}),
    )

    def recognise(self, sample: Sample) -> Match | None:
        texts = texts_among(sample.columns)
        if not texts:
            return None
        text = texts["text"]
        others = [column for column in sample.columns if column not in texts.values()]
        labels = find(LABELS, others)
        if not sample.answered and not labels:
            return Match(texts, f"column '{text}' is the text", weak=True)
        values = [record.get(labels) for record in sample.records] if labels else []
        if any(isinstance(_peeked(value), list) for value in values):
            several = any(len(cast("list[Any]", _peeked(v) or [])) != 1 for v in values)
            why = f"column '{text}' is the text, '{labels}' the list of its labels"
            return Match({**texts, "labels": labels}, why, weak=not several)
        flags = _flags(sample, others)
        if not labels and len(flags) >= _FEWEST_COLUMNS:
            why = f"column '{text}' is the text, and {len(flags)} columns of 0 and 1 its labels"
            return Match(texts, why, also=tuple(flags))
        if not labels:
            return None
        why = f"column '{text}' is the text, '{labels}' its labels"
        return Match({**texts, "labels": labels}, why, weak=True, how={"mark": ""})

    def settled(self, match: Match, lines: Sequence[tuple[int, Record]]) -> Match:
        """With the mark between several labels: the first rows may have one each."""
        if "mark" not in match.how or "labels" not in match.columns:
            return match
        found = (record.get(match.columns["labels"]) for _, record in lines)
        values = [value for value in found if isinstance(value, str)]
        times = {mark: sum(mark in value for value in values) for mark in _MARKS}
        mark = max(times, key=lambda mark: times[mark])
        if not times[mark]:
            return match
        why = f"{match.why}, with '{mark}' between several"
        return replace(match, why=why, how={"mark": mark})

    def parse(self, record: Record, context: Context) -> Multilabeled:
        held = {
            name: text_of(context.value(record, name), where=f"{context.origin}, {name}")
            for name in ("text", "text_pair")
        }
        if not held["text"].strip():
            raise Unusable("empty text")
        labels = _labels(record, context) if context.answered else []
        return Multilabeled(
            origin=context.origin,
            group=context.group(record),
            text=held["text"],
            text_pair=held["text_pair"],
            labels=tuple(labels),
        )

    def record(self, row: Row) -> dict[str, Any]:
        assert isinstance(row, Multilabeled)
        pair = {"text_pair": row.text_pair} if row.text_pair else {}
        return {"text": row.text, **pair, "labels": list(row.labels)}


def _peeked(value: Any) -> Any:
    """A list that is written as JSON in a text, as a list."""
    is_json = isinstance(value, str) and value.lstrip().startswith("[")
    return unpacked(value, where="labels") if is_json and value.rstrip().endswith("]") else value


def _flags(sample: Sample, columns: list[str]) -> list[str]:
    """Columns of 0 and 1."""
    found: list[str] = []
    for column in columns:
        values = {str(record.get(column)) for record in sample.records}
        if column.lower() not in _BESIDE and values <= _NO | _YES and values & {"0", "0.0", "1"}:
            found.append(column)
    return found


def _labels(record: Record, context: Context) -> list[str]:
    how = context.match.how
    if context.match.also:
        return [name for name in context.match.also if _is_set(record, name, context)]
    name = context.match.columns.get("labels", "labels")
    where = f"{context.origin}, {name}"
    value = unpacked(record.get(name), where=where)
    if value is None:
        return []
    if isinstance(value, list):
        items = cast("list[Any]", value)
        found = [label_of(one, where=f"{where}[{place}]") for place, one in enumerate(items)]
    elif isinstance(value, str) and how.get("mark"):
        found = [label_of(part, where=where) for part in value.split(how["mark"])]
    else:
        found = [label_of(value, where=where, missing=context.missing)]
    return [label for label in found if label]


def _is_set(record: Record, name: str, context: Context) -> bool:
    value = str(record.get(name))
    if value in _YES:
        return True
    if value in _NO:
        return False
    raise DataError(f"{context.origin}, {name}: got {shown(record.get(name))}, expected 0 or 1")
