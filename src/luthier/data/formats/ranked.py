"""A query, a document and how relevant it is: true and false, 0 and 1, or grades."""

from __future__ import annotations

from typing import ClassVar

from luthier.data.columns import find
from luthier.data.formats import formats
from luthier.data.formats._numbers import share_of_numbers
from luthier.data.formats._relevance import QUERY, SCORE, relevance_of
from luthier.data.formats._values import text_of
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape, Unusable
from luthier.data.rows import Candidate, Ranked

DOCUMENT = ("document", "passage", "doc", "candidate", "product", "paragraph", "doc_text")


@formats.add
class QueryDocument:
    """Rows of the same query belong together, and go into the same split."""

    shape: ClassVar[Shape] = "ranked"
    canonical: ClassVar[tuple[str, ...]] = ("query", "document", "score")
    rank: ClassVar[int] = 35
    about: ClassVar[About] = About(
        "a query with a document",
        "{query: NAME, document: NAME, score: NAME}",
        targets=frozenset({"score"}),
        names=frozenset({"query", "document", "passage", "relevance"}),
    )

    def recognise(self, sample: Sample) -> Match | None:
        query, document = find(QUERY, sample.columns), find(DOCUMENT, sample.columns)
        if not query or not document:
            return None
        texts = {"query": query, "document": document}
        why = f"column '{query}' is the query, '{document}' the document"
        score = find(SCORE, sample.columns)
        if not sample.answered:
            return Match(texts | ({"score": score} if score else {}), why)
        if not score or share_of_numbers([record.get(score) for record in sample.records]) < 0.5:
            return None
        return Match({**texts, "score": score}, f"{why}, '{score}' how relevant it is")

    def parse(self, record: Record, context: Context) -> Ranked:
        held = {
            name: text_of(context.value(record, name), where=f"{context.origin}, {name}")
            for name in ("query", "document")
        }
        for name, text in held.items():
            if not text.strip():
                raise Unusable(f"empty {name}")
        document = Candidate(held["document"])
        if context.answered:
            name = context.match.columns.get("score", "score")
            score = relevance_of(record.get(name), where=f"{context.origin}, {name}")
            document = Candidate(held["document"], score)
        group = context.group(record) or held["query"]
        return Ranked(
            origin=context.origin,
            group=group,
            query=held["query"],
            documents=(document,),
        )
