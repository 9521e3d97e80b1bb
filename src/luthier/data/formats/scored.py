"""A text, or a pair of texts, with a number: a rating, a similarity, a grade."""

from __future__ import annotations

import math
import re
from typing import Any, ClassVar

from luthier.data.columns import LABEL, find, find_ending, texts_among
from luthier.data.formats import formats
from luthier.data.formats._numbers import number_of, share_of_numbers
from luthier.data.formats._values import text_of
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape, Unusable
from luthier.data.rows import Row, Scored

SCORES = ("score", "similarity", "similarity_score", "sim_score", "gold_score", "regression_label")
_ALSO = ("rating", "stars", "value", "grade", "points", "y", *LABEL)
_FRACTION = re.compile(r"[+-]?\d+\.\d+")
_FEWEST_WORDS = 3
_BESIDE = frozenset({"id", "idx", "index", "split", "genre", "year", "filename", "source"})


@formats.add
class TextScore:
    """The number may be a fraction; where a column is a class as well as a number (stars), it is
    read as a number when the objective learns numbers."""

    shape: ClassVar[Shape] = "scored"
    canonical: ClassVar[tuple[str, ...]] = ("text", "score", "text_pair")
    rank: ClassVar[int] = 55
    about: ClassVar[About] = About(
        "a text with its score",
        "{text: NAME, score: NAME}",
        targets=frozenset({"score"}),
        names=frozenset({"score", "similarity", "similarity_score"}),
    )

    def recognise(self, sample: Sample) -> Match | None:
        texts = texts_among(sample.columns)
        if not texts:
            return _by_values(sample)
        text, pair = texts["text"], texts.get("text_pair", "")
        others = [column for column in sample.columns if column not in texts.values()]
        sure = find(SCORES, others)
        score = sure or find(_ALSO, others) or find_ending(SCORES, others)
        if not score:
            why = f"column '{text}' is the text"
            return None if sample.answered else Match(texts, why, weak=True)
        share = share_of_numbers([record.get(score) for record in sample.records])
        if sample.answered and share < (0.5 if sure else 1):  # the odd one out is told by its line
            return None
        beside = f", '{pair}' the second text" if pair else ""
        # running text often comes with a score of its own
        is_weak = not sure or not (pair or {name.lower() for name in others} <= {sure, *_BESIDE})
        why = f"column '{text}' is the text{beside}, '{score}' its score"
        return Match({**texts, "score": score}, why, weak=is_weak)

    def parse(self, record: Record, context: Context) -> Scored:
        held = {
            name: text_of(context.value(record, name), where=f"{context.origin}, {name}")
            for name in ("text", "text_pair")
        }
        if not held["text"].strip():
            raise Unusable("empty text")
        score = math.nan
        if context.answered:
            name = context.match.columns.get("score", "score")
            score = number_of(record.get(name), where=f"{context.origin}, {name}")
        return Scored(
            origin=context.origin,
            group=context.group(record),
            text=held["text"],
            text_pair=held["text_pair"],
            score=score,
        )

    def record(self, row: Row) -> dict[str, Any]:
        assert isinstance(row, Scored)
        pair = {"text_pair": row.text_pair} if row.text_pair else {}
        return {"text": row.text, **pair, "score": row.score}


def _by_values(sample: Sample) -> Match | None:
    """Columns without names: two of sentences and one of fractions are a pair with its score."""
    unnamed = all(column.startswith("column_") for column in sample.columns)
    if not unnamed or not sample.answered or not sample.records:
        return None
    values = {name: [str(r.get(name) or "") for r in sample.records] for name in sample.columns}
    texts = [name for name, held in values.items() if _mean_words(held) >= _FEWEST_WORDS]
    scores = [name for name, held in values.items() if all(map(_FRACTION.fullmatch, held))]
    if len(texts) != 2 or len(scores) != 1:
        return None
    why = f"by its values, '{scores[0]}' is the score of the texts '{texts[0]}' and '{texts[1]}'"
    return Match({"text": texts[0], "text_pair": texts[1], "score": scores[0]}, why, weak=True)


def _mean_words(values: list[str]) -> float:
    return sum(len(value.split()) for value in values) / len(values)
