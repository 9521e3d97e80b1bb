"""A question, a text, and where in the text the answer stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from luthier.core.errors import DataError
from luthier.data.columns import find
from luthier.data.formats import formats
from luthier.data.formats._values import kind_of, shown, text_of, unpacked
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape, Unusable
from luthier.data.rows import Question, Row, Span, name_of

CONTEXT = ("context", "passage", "paragraph", "document", "article", "text")
ANSWERS = ("answers", "answer", "answer_text", "span")
STARTS = ("answer_start", "answer_starts", "start")


@formats.add
class QuestionContext:
    """`answers` as SQuAD has them, flat as on the hub ({text: [...], answer_start: [...]}), or the
    words alone, which are then looked for. No answer at all: the text does not tell."""

    shape: ClassVar[Shape] = "question"
    canonical: ClassVar[tuple[str, ...]] = ("question", "context", "answers", "answer_start")
    rank: ClassVar[int] = 34
    about: ClassVar[About] = About(
        "a question about a text, with the answer in it",
        "{question: NAME, context: NAME, answers: NAME}",
        targets=frozenset({"answers", "answer_start"}),
        names=frozenset({"question", "context", "answers", "answer_start"}),
    )

    def recognise(self, sample: Sample) -> Match | None:
        question, text = find(("question",), sample.columns), find(CONTEXT, sample.columns)
        if not question or not text:
            return None
        texts = {"question": question, "context": text}
        why = f"column '{question}' is the question, '{text}' the text that answers it"
        answers, starts = find(ANSWERS, sample.columns), find(STARTS, sample.columns)
        found = texts | {
            name: column
            for name, column in (("answers", answers), ("answer_start", starts))
            if column
        }
        if not answers:
            return None if sample.answered else Match(found, why, weak=text != "context")
        values = [record.get(answers) for record in sample.records]
        has_places = bool(starts) or any(isinstance(v, Mapping | list) for v in values)
        # an answer in other words than the text's is a completion
        return Match(found, f"{why}, '{answers}' the answer", weak=not has_places)

    def parse(self, record: Record, context: Context) -> Question:
        held = {
            name: text_of(context.value(record, name), where=f"{context.origin}, {name}")
            for name in ("question", "context")
        }
        for name, text in held.items():
            if not text.strip():
                raise Unusable(f"empty {name}")
        spans = _spans(record, held["context"], context) if context.answered else ()
        return Question(
            origin=context.origin,
            group=context.group(record) or name_of(held["context"]),
            question=held["question"],
            context=held["context"],
            answers=spans,
        )

    def record(self, row: Row) -> dict[str, Any]:
        assert isinstance(row, Question)
        answers = {
            "text": [answer.text for answer in row.answers],
            "answer_start": [answer.start for answer in row.answers],
        }
        return {"question": row.question, "context": row.context, "answers": answers}


def _spans(record: Record, text: str, context: Context) -> tuple[Span, ...]:
    name = context.match.columns.get("answers", "answers")
    where = f"{context.origin}, {name}"
    starts = context.value(record, "answer_start")
    found: dict[tuple[int, str], None] = {}
    for place, (words, start) in enumerate(_pairs(record.get(name), starts, where=where)):
        if not isinstance(words, str):
            raise DataError(f"{where}[{place}]: got {shown(words)} ({kind_of(words)}), not a text")
        if words.strip():
            span = _span(words, start, text, context, where=f"{where}[{place}]")
            found[(span.start, span.text)] = None
    return tuple(Span(start, words) for start, words in found)


def _pairs(value: Any, starts: Any, *, where: str) -> list[tuple[Any, Any]]:
    """Words of each answer, and where it begins (None: not said)."""
    value = unpacked(value, where=where)
    if value is None:
        return []
    if isinstance(value, Mapping):
        held = cast("Mapping[str, Any]", value)
        words, places = _list(held.get("text")), _list(held.get("answer_start"))
        if places and len(places) != len(words):
            raise DataError(
                f"{where}: {len(words)} answers and {len(places)} places; expected one for each"
            )
        return list(zip(words, places or [None] * len(words), strict=True))
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [
            (one.get("text"), one.get("answer_start", one.get("start")))
            if isinstance(one, Mapping)
            else (one, None)
            for one in items
        ]
    places = _list(starts)
    return [(value, places[0] if places else None)]


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _span(words: str, start: Any, text: str, context: Context, *, where: str) -> Span:
    at = text.find(words)
    if at < 0:
        raise DataError(
            f"{where}: {shown(words)} does not stand in the text, word for word.\n"
            "    An answer must be a piece of its text; for answers in other words use "
            "objective sft"
        )
    if start is None or start == "":
        if text.find(words, at + 1) >= 0:
            context.remarks.append("the place of an answer taken as the first where it stands")
        return Span(at, words)
    try:
        place = int(start)
    except (TypeError, ValueError):
        raise DataError(f"{where}: got the place {shown(start)}, expected a number") from None
    if text[place : place + len(words)] != words or place < 0:
        near = min(_all(text, words), key=lambda found: abs(found - place))
        there = text[max(0, place) : place + len(words)]
        raise DataError(
            f"{where}: {shown(words)} does not stand at character {place} of the text (there: "
            f"{there!r}), but at {near}.\n    Correct answer_start: characters, counted from 0"
        )
    return Span(place, words)


def _all(text: str, words: str) -> list[int]:
    found, at = list[int](), text.find(words)
    while at >= 0:
        found.append(at)
        at = text.find(words, at + 1)
    return found
