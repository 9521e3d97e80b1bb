"""A text, one that belongs to it, and perhaps some that do not: for vectors of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from luthier.core.errors import DataError
from luthier.data.columns import find
from luthier.data.formats import formats
from luthier.data.formats._several import negative_columns, texts_in, texts_of
from luthier.data.formats._values import text_of
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape, Unusable
from luthier.data.formats.scored import SCORES
from luthier.data.rows import Row, Triplet

_POSITIVES = (
    "positive", "pos", "positives", "positive_passages", "document", "passage", "doc", "answer",
    "sentence2", "text_pair", "text2", "sentence_b", "text_b", "paraphrase",
)  # fmt: skip
_ANCHORS = (
    "anchor", "query", "question", "sentence1", "text", "sentence", "text1", "sentence_a", "text_a",
)  # fmt: skip
_SURE = ("anchor", "positive", "positives", "pos", "positive_passages")
_SAID = (
    "label", "is_duplicate", "relevance", "relevant", "is_relevant", "qrel", "is_match", "match",
    "gold_label", "grade", *SCORES,
)  # fmt: skip
_NO, _YES = frozenset({"0", "0.0", "false", "no"}), frozenset({"1", "1.0", "true", "yes"})
_JUDGED = "judged"
"""In `Match.how`: the column that says of each pair whether it belongs together."""


@formats.add
class Pairs:
    """Anchor and positive go by many names (query and document, question and answer, two
    sentences); negatives are columns `negative`, `negative_1` and so on, or a list. Where a column
    of 0 and 1 says which pairs belong together, only these are read."""

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
        negatives = negative_columns(sample.columns, taken=())
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
        # who gives wrong texts has said what is right: a number there judges something else
        judged = find(_SAID, others) if sample.answered and not negatives else ""
        how = {_JUDGED: judged} if judged else {}
        columns = {"anchor": anchor, "positive": positive}
        return Match(columns, why, weak=not is_sure, how=how, also=tuple(negatives))

    def settled(self, match: Match, lines: Sequence[tuple[int, Record]]) -> Match:
        """With what the column that judges the pairs says.

        Raises: DataError: more than yes and no.
        """
        if _JUDGED not in match.how:
            return match
        name = match.how[_JUDGED]
        said = dict.fromkeys(_said(record, name) for _, record in lines)
        if not any(said):
            return replace(match, how={})
        strange = [value for value in said if value and value not in _NO | _YES]
        if strange:
            raise _graded(match, strange[0])
        return replace(match, why=f"{match.why} where '{name}' says so")

    def parse(self, record: Record, context: Context) -> Triplet:
        columns = context.match.columns
        judged = context.match.how.get(_JUDGED, "")
        if judged and _said(record, judged) not in _YES:
            raise Unusable(f"'{judged}' does not say that the two texts belong together")
        anchor = text_of(context.value(record, "anchor"), where=f"{context.origin}, anchor")
        if not anchor.strip():
            raise Unusable("empty anchor")
        name = columns.get("positive", "positive")
        right = texts_of(record.get(name), where=f"{context.origin}, {name}")
        if len(right) > 1:
            context.remarks.append(f"only the first of several texts in '{name}' is used")
        if context.answered and not right:
            raise Unusable("empty positive")
        named = columns.get("negative", "")
        names = negative_columns(record, named=named, taken=set(columns.values()))
        found = texts_in(record, names, where=str(context.origin))
        wrong = [text for text in found if text not in (*right[:1], anchor)]
        if context.answered and right[0] == anchor:
            raise Unusable("anchor and positive are equal")
        return Triplet(
            origin=context.origin,
            group=context.group(record),
            anchor=anchor,
            positive=right[0] if right else "",
            negatives=tuple(dict.fromkeys(wrong)),
        )

    def record(self, row: Row) -> dict[str, Any]:
        assert isinstance(row, Triplet)
        wrong = {"negatives": list(row.negatives)} if row.negatives else {}
        # a list, since a text may look like one
        return {"anchor": row.anchor, "positive": [row.positive], **wrong}


def _said(record: Record, column: str) -> str:
    value = record.get(column)
    return "" if value is None else str(value).strip().lower()


def _graded(match: Match, value: str) -> DataError:
    name, first, second = match.how[_JUDGED], match.columns["anchor"], match.columns["positive"]
    return DataError(
        f"column '{name}': got {value!r} beside the texts '{first}' and '{second}', expected 0 or "
        "1: pairs are learned where it is 1, and grades or classes cannot be.\n"
        "    Use objective cosent (scores of likeness), rank (relevance to a query) or classify "
        f"(classes), with data.columns if need be; or leave the column '{name}' out of the file "
        "if every row is a right pair"
    )
