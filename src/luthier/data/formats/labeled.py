"""A text, or a pair of texts, with the name of its class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from luthier.core.errors import DataError
from luthier.data.columns import LABEL, find, find_ending, texts_among
from luthier.data.formats import formats
from luthier.data.formats._values import label_of, text_of
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape, Unusable
from luthier.data.rows import Labeled, Row

_MANY = 20
_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?!\d).*")
_TAG = re.compile(r"O|[BIESLU]-\S+")


@formats.add
class TextLabel:
    """Labels may be names, whole numbers (1 and 1.0 are one class) or true and false."""

    shape: ClassVar[Shape] = "labeled"
    canonical: ClassVar[tuple[str, ...]] = ("text", "label", "text_pair")
    rank: ClassVar[int] = 50
    about: ClassVar[About] = About(
        "a text with its label", "{text: NAME, label: NAME}", targets=frozenset({"label"})
    )

    def recognise(self, sample: Sample) -> Match | None:
        label = find(LABEL, sample.columns) or find_ending(LABEL, sample.columns)
        others = [column for column in sample.columns if column != label]
        columns = texts_among(others)
        text = columns.get("text", "")
        if text and not label and not sample.answered:
            return Match(columns, f"column '{text}' is the text", weak=True)
        if not label or not text:
            return _by_values(sample, text=text, label=label)
        beside = f", '{columns['text_pair']}' the second text" if len(columns) > 1 else ""
        why = f"column '{text}' is the text{beside}, '{label}' its class"
        return Match({**columns, "label": label}, why, weak=_all_different(sample, label))

    def parse(self, record: Record, context: Context) -> Labeled:
        held = {
            name: text_of(context.value(record, name), where=f"{context.origin}, {name}")
            for name in ("text", "text_pair")
        }
        name = context.match.columns.get("label", "label")
        given = (
            record.get(name) if context.answered else None
        )  # whatever it is, it is not asked for
        label = label_of(given, where=f"{context.origin}, {name}", missing=context.missing)
        return labeled(held["text"], label, context, text_pair=held["text_pair"], record=record)

    def record(self, row: Row) -> dict[str, Any] | None:
        assert isinstance(row, Labeled)
        pair = {"text_pair": row.text_pair} if row.text_pair else {}
        return None if row.picture else {"text": row.text, **pair, "label": row.label}


def labeled(
    text: str, label: str, context: Context, *, text_pair: str = "", record: Record
) -> Labeled:
    """The row.

    Raises: Unusable: there is no text, or no label where one must be.
    """
    if not text.strip():
        raise Unusable("empty text")
    if context.answered and not label:
        raise Unusable("no label")
    group = context.group(record)
    return Labeled(origin=context.origin, group=group, text=text, label=label, text_pair=text_pair)


def _all_different(sample: Sample, column: str) -> bool:
    values = [str(record.get(column)) for record in sample.records]
    return len(values) >= _MANY and len(set(values)) > 0.9 * len(values)


def _by_values(sample: Sample, *, text: str, label: str) -> Match | None:
    """Columns no name tells: few, short, repeated values are the class, long ones the text.

    Raises: DataError: the classes are tags of single words.
    """
    columns = {
        column: [str(record.get(column) or "") for record in sample.records]
        for column in sample.columns
    }
    few = [label] if label else [name for name in columns if _is_class_like(columns[name])]
    others = [text] if text else [column for column in columns if column not in few]
    unnamed = all(column.startswith("column_") for column in columns)
    if len(few) != 1 or not others or few == others or not (text or label or unnamed):
        return None
    found = max(others, key=lambda column: sum(map(len, columns[column])))
    _refuse_tags(columns[found], columns[few[0]], few[0])
    number = len(set(columns[few[0]]))
    why = f"by its values, '{few[0]}' ({number} short ones) is the class of the text '{found}'"
    return Match({"text": found, "label": few[0]}, why, weak=True)


def _refuse_tags(texts: Sequence[str], labels: Sequence[str], column: str) -> None:
    if all(_TAG.fullmatch(label) for label in labels) and not any(" " in text for text in texts):
        shown = ", ".join(sorted(set(labels))[:5])
        raise DataError(
            f"column '{column}' holds a tag for every single word ({shown}), and nothing says where"
            " a sentence ends.\n    Put a blank line between sentences, or give lists: "
            '{"tokens": [...], "tags": [...]}. To learn them as classes of words all the same, '
            "name the columns: data.columns = {text: NAME, label: NAME}"
        )


def _is_class_like(values: Sequence[str]) -> bool:
    filled = [value for value in values if value]
    if len(filled) < 0.9 * len(values) or not filled:
        return False
    if all(_DATE.fullmatch(value) for value in filled):
        return False
    return max(map(len, filled)) <= 60 and 2 * len(set(filled)) <= len(filled)
