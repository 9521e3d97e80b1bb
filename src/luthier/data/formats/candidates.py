"""A query with all its documents in one row: graded each for itself, or right ones and wrong ones.

Read are lists of objects, `{"query": ..., "documents": [{"text": ..., "relevance": 2}, ...]}`; two
lists of equal length, `{"query": ..., "documents": [...], "scores": [...]}`; an object of lists, as
MS MARCO has it; and `{"query": ..., "positives": [...], "negatives": [...]}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from luthier.core.counted import counted
from luthier.core.errors import DataError
from luthier.data.columns import find
from luthier.data.formats import formats
from luthier.data.formats._relevance import QUERY, SCORE, relevance_of
from luthier.data.formats._several import negative_columns, texts_in
from luthier.data.formats._values import kind_of, shown, text_of, unpacked
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape, Unusable
from luthier.data.rows import Candidate, Ranked, Row

_DOCUMENTS = ("documents", "docs", "candidates", "passages", "ctxs", "hits", "results")
_SCORES = ("scores", "relevances", "relevance", "labels", "grades", "qrels", "ratings")
_POSITIVES = ("positives", "positive", "pos", "positive_passages")
_TEXT = ("text", "document", "passage", "passage_text", "content", "body", "doc")
_SCORE = (*SCORE, "is_selected", "rel", "rating")
_BESIDE = "beside"
"""In `Match.how`: where relevance stands, in a column of its own."""


@formats.add
class Candidates:
    """Documents with equal texts are one. Right and wrong ones count as 1 and 0, and their order in
    the row says nothing."""

    shape: ClassVar[Shape] = "ranked"
    canonical: ClassVar[tuple[str, ...]] = (
        "query", "documents", "scores", "positives", "negatives",
    )  # fmt: skip
    rank: ClassVar[int] = 13
    about: ClassVar[About] = About(
        "a query with its documents",
        "{query: NAME, documents: NAME}",
        targets=frozenset({"scores"}),
        names=frozenset({"documents", "candidates", "passages", "positives"}),
    )

    def recognise(self, sample: Sample) -> Match | None:
        query = find(QUERY, sample.columns)
        if not query:
            return None
        return _graded(sample, query) or _parted(sample, query)

    def parse(self, record: Record, context: Context) -> Ranked:
        query = text_of(context.value(record, "query"), where=f"{context.origin}, query")
        if not query.strip():
            raise Unusable("empty query")
        has_order = "documents" in context.match.columns
        found = _documents(record, context) if has_order else _right_and_wrong(record, context)
        if not found:
            raise Unusable("no documents")
        return Ranked(
            origin=context.origin,
            group=context.group(record) or query,
            query=query,
            documents=tuple(found),
            has_order=has_order,
        )

    def record(self, row: Row) -> dict[str, Any]:
        assert isinstance(row, Ranked)
        documents = [{"text": item.text, "relevance": item.score} for item in row.documents]
        return {"query": row.query, "documents": documents}


def _graded(sample: Sample, query: str) -> Match | None:
    """Documents that carry how relevant they are, or stand beside a list that does."""
    documents = find(_DOCUMENTS, sample.columns)
    values = [record.get(documents) for record in sample.records if record.get(documents)]
    if not documents or not values:
        return None
    items = _listed(values[0])
    if not items:
        return None
    columns = {"query": query, "documents": documents}
    why = f"column '{query}' is the query, '{documents}' its documents"
    scores = find(_SCORES, [name for name in sample.columns if name not in columns.values()])
    is_beside = any(_listed(record.get(scores)) for record in sample.records) if scores else False
    if is_beside:
        why = f"{why}, '{scores}' how relevant each is"
        return Match({**columns, "scores": scores}, why, how={_BESIDE: "yes"})
    has_scores = all(_named(_SCORE, item) for item in items)
    if sample.answered and not has_scores:
        return None
    return Match(columns, why)


def _parted(sample: Sample, query: str) -> Match | None:
    """Right documents and wrong ones; to vectors of texts the same columns are pairs."""
    positives = find(_POSITIVES, sample.columns)
    negatives = negative_columns(sample.columns, taken=(query, positives))
    if not positives or (sample.answered and not negatives):
        return None
    why = f"column '{query}' is the query, '{positives}' answers it"
    if negatives:
        why += f", {', '.join(repr(name) for name in negatives)} not"
    columns = {"query": query, "positives": positives}
    return Match(columns, why, weak=True, also=tuple(negatives))


def _right_and_wrong(record: Record, context: Context) -> list[Candidate]:
    columns, where = context.match.columns, str(context.origin)
    right = dict.fromkeys(texts_in(record, [columns.get("positives", "positives")], where=where))
    names = negative_columns(
        record, named=columns.get("negatives", ""), taken=set(columns.values())
    )
    wrong = dict.fromkeys(texts_in(record, names, where=where))
    if both := right.keys() & wrong.keys():
        what = f"{counted(len(both), 'text')} among positives and negatives"
        context.remarks.append(f"{what}; taken as right")
    grades = [(right, 1.0), ({text: None for text in wrong if text not in right}, 0.0)]
    if not context.answered:
        return [Candidate(text) for texts, _ in grades for text in texts]
    return [Candidate(text, grade) for texts, grade in grades for text in texts]


def _documents(record: Record, context: Context) -> list[Candidate]:
    name = context.match.columns["documents"]
    where = f"{context.origin}, {name}"
    items = _items(unpacked(record.get(name), where=where))
    if items is None:
        value = record.get(name)
        raise DataError(
            f"{where}: got {shown(value)} ({kind_of(value)}), expected a list of documents.\n"
            '    Write [{"text": ..., "relevance": 1}, ...], or name another column: '
            "data.columns = {documents: NAME}"
        )
    grades = _beside(record, context, len(items)) if context.match.how else None
    found: list[Candidate] = []
    for place, item in enumerate(items):
        here = f"{where}[{place}]"
        text = _text(item, where=here)
        if not text.strip() and context.answered:
            context.remarks.append("a document without text is left out")
        elif not text.strip():
            raise Unusable("empty document")
        elif not context.answered:
            found.append(Candidate(text))
        else:
            grade = _grade(item, where=here) if grades is None else grades[place]
            found.append(Candidate(text, relevance_of(grade, where=here)))
    return _once(found, context, where=where) if context.answered else found


def _beside(record: Record, context: Context, count: int) -> Sequence[Any]:
    """What the column beside the documents says of each.

    Raises: DataError: of more or fewer than there are."""
    name = context.match.columns["scores"]
    grades = _items(unpacked(record.get(name), where=f"{context.origin}, {name}")) or []
    if context.answered and len(grades) != count:
        raise DataError(
            f"{context.origin}, {name}: {len(grades)} scores for {count} documents, expected one "
            "for each.\n    Complete the row, or delete it"
        )
    return grades


def _once(found: list[Candidate], context: Context, *, where: str) -> list[Candidate]:
    """Every text once.

    Raises: DataError: one is said to be relevant in two ways."""
    first: dict[str, Candidate] = {}
    for item in found:
        known = first.setdefault(item.text, item)
        if known.score != item.score:
            raise DataError(
                f"{where}: the document {shown(item.text)} stands there twice, with relevance "
                f"{known.score:g} and {item.score:g}.\n    Keep the right one of the two"
            )
    if len(first) < len(found):
        context.remarks.append("documents that stand twice in one list are taken once")
    return list(first.values())


def _items(value: Any) -> list[Any] | None:
    """A list as it is, an object of lists as a list of objects; None: it is neither."""
    if isinstance(value, list):
        return cast("list[Any]", value)
    if not isinstance(value, Mapping):
        return None
    held = cast("Mapping[str, Any]", value)
    lists = {key: column for key, column in held.items() if isinstance(column, list)}
    if not lists or len({len(column) for column in lists.values()}) > 1:
        return None
    return [dict(zip(lists, line, strict=True)) for line in zip(*lists.values(), strict=True)]


def _listed(value: Any) -> list[Any] | None:
    """The same of a column that may be anything: text that begins like a list need not be one."""
    try:
        return _items(unpacked(value, where=""))
    except DataError:
        return None


def _text(item: Any, *, where: str) -> str:
    name = _named(_TEXT, item)
    if isinstance(item, Mapping) and not name:
        held = cast("Mapping[str, Any]", item)
        raise DataError(
            f"{where}: got an object of {', '.join(map(repr, held))}, expected its text under one "
            f"of {', '.join(_TEXT)}.\n    Rename it"
        )
    return text_of(item[name] if name else item, where=where)


def _grade(item: Any, *, where: str) -> Any:
    name = _named(_SCORE, item)
    if not name:
        raise DataError(
            f"{where}: got {shown(item)}, expected how relevant it is beside its text.\n"
            '    Write {"text": ..., "relevance": 0} for what is not relevant'
        )
    return item[name]


def _named(names: tuple[str, ...], item: Any) -> str:
    """Which of these keys an object has; empty: none, or it is no object."""
    return find(names, list(item)) if isinstance(item, Mapping) else ""
