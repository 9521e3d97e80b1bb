"""A text, one that belongs to it, and perhaps some that do not: for vectors of texts."""

from __future__ import annotations

import re
from typing import Any, ClassVar, cast

from luthier.core.errors import DataError
from luthier.data.columns import canonical as plain
from luthier.data.columns import find
from luthier.data.formats import formats
from luthier.data.formats._values import kind_of, shown, text_of, unpacked
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape, Unusable
from luthier.data.rows import Triplet

_POSITIVES = (
    "positive", "pos", "positives", "positive_passages", "document", "passage", "doc", "answer",
    "sentence2", "text_pair", "text2", "sentence_b", "text_b", "paraphrase",
)  # fmt: skip
_ANCHORS = (
    "anchor", "query", "question", "sentence1", "text", "sentence", "text1", "sentence_a", "text_a",
)  # fmt: skip
_NEGATIVE = re.compile(r"(hard_)?neg(ative)?s?(_passages?)?(_?\d+)?")
_SURE = ("anchor", "positive", "positives", "pos", "positive_passages")


@formats.add
class Pairs:
    """Anchor and positive go by many names (query and document, question and answer, two
    sentences); negatives are columns `negative`, `negative_1` and so on, or a list."""

    shape: ClassVar[Shape] = "triplet"
    canonical: ClassVar[tuple[str, ...]] = ("anchor", "positive", "negative")
    rank: ClassVar[int] = 95
    about: ClassVar[About] = About(
        "a text with one that belongs to it",
        "{anchor: NAME, positive: NAME}",
        targets=frozenset({"positive", "negative"}),
        names=frozenset({"anchor", "positive", "negative", "negatives", "passage", "pos", "neg"}),
    )

    def recognise(self, sample: Sample) -> Match | None:
        negatives = [name for name in sample.columns if _NEGATIVE.fullmatch(plain(name))]
        others = [name for name in sample.columns if name not in negatives]
        anchor = find(_ANCHORS, others)
        positive = find(_POSITIVES, [name for name in others if name != anchor])
        if not anchor:
            return None
        if not positive:
            why = f"column '{anchor}' is the text"
            return None if sample.answered else Match({"anchor": anchor}, why, weak=True)
        why = f"column '{anchor}' is the text, '{positive}' belongs to it"
        if negatives:
            why += f", {', '.join(repr(name) for name in negatives)} not"
        # many of these names mean something else to an objective that writes or names classes
        is_sure = bool(find(_SURE, [anchor, positive]) or negatives)
        return Match({"anchor": anchor, "positive": positive}, why, weak=not is_sure)

    def parse(self, record: Record, context: Context) -> Triplet:
        columns = context.match.columns
        anchor = text_of(context.value(record, "anchor"), where=f"{context.origin}, anchor")
        if not anchor.strip():
            raise Unusable("empty anchor")
        name = columns.get("positive", "positive")
        right = _texts(record.get(name), where=f"{context.origin}, {name}")
        if len(right) > 1:
            context.remarks.append(f"only the first of several texts in '{name}' is used")
        if context.answered and not right:
            raise Unusable("empty positive")
        wrong = [text for text in _negatives(record, context) if text not in (*right[:1], anchor)]
        if context.answered and right[0] == anchor:
            raise Unusable("anchor and positive are equal")
        return Triplet(
            origin=context.origin,
            group=context.group(record),
            anchor=anchor,
            positive=right[0] if right else "",
            negatives=tuple(dict.fromkeys(wrong)),
        )


def _negatives(record: Record, context: Context) -> list[str]:
    taken = set(context.match.columns.values())
    named = context.match.columns.get("negative")
    names = [
        name
        for name in record
        if name == named or (name not in taken and _NEGATIVE.fullmatch(plain(str(name))))
    ]
    found: list[str] = []
    for name in names:
        found += _texts(record.get(name), where=f"{context.origin}, {name}")
    return found


def _texts(value: Any, *, where: str) -> list[str]:
    """The texts of a column that holds one or a list of them, also as JSON; without empty ones.

    Raises: DataError: anything else.
    """
    value = unpacked(value, where=where) if _is_list(value) else value
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    found: list[str] = []
    for item in items:
        inner = item.get("text") if isinstance(item, dict) else item
        if isinstance(inner, list | dict):
            raise DataError(
                f"{where}: got {shown(item)} ({kind_of(item)}), expected a text or a list of texts."
                "\n    Name another column: data.columns = {anchor: NAME, positive: NAME}"
            )
        found.append(text_of(inner, where=where))
    return [text for text in found if text.strip()]


def _is_list(value: Any) -> bool:
    return isinstance(value, str) and value.lstrip().startswith('["')
