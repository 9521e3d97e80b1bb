"""SQuAD's JSON: articles that hold paragraphs that hold questions; a record per question.

Source: Rajpurkar et al. 2016, arXiv:1606.05250; with questions that have no answer, 2018,
arXiv:1806.03822.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from luthier.core.errors import DataError
from luthier.data.content import Content
from luthier.data.sources import sources
from luthier.data.sources._syntax import is_one_line
from luthier.data.sources._values import Values
from luthier.data.sources.contract import Record

_NESTED = re.compile(r'"paragraphs"\s*:\s*\[')
_ASKED = re.compile(r'(?<!\\)"question"\s*:')


@sources.add
class Squad:
    """Every record has `id`, `title`, `question`, `context` and `answers`."""

    suffixes: ClassVar[frozenset[str]] = frozenset()
    binary: ClassVar[bool] = False
    parts: ClassVar[str] = ""
    is_sure: ClassVar[bool] = True

    def accepts(self, content: Content) -> bool:
        is_object = content.text[:1000].lstrip().startswith("{")
        nested = _NESTED.search(content.text) is not None
        return is_object and nested and '"qas"' in content.text

    def is_numbered(self, content: Content) -> bool:
        return is_one_line(content.text)

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        records = _records(content)
        if self.is_numbered(content):
            records = ((number, one) for number, (_, one) in enumerate(records, start=1))
        return records, "SQuAD's JSON, a row per question"


def _records(content: Content) -> Iterator[tuple[int, Record]]:
    values, is_there = Values(content), False
    for key in values.keys():  # noqa: SIM118 (no dict)
        if key != "data" or values.peek() != "[":
            values.value()
            continue
        is_there = True
        for number, (line, article) in enumerate(values.elements()):
            where = f"{content.name}, data[{number}]"
            yield from _numbered(line, values.written(), _questions(where, article))
    if not is_there:
        raise _expected(f"{content.name}.data")


def _numbered(line: int, text: str, questions: Iterator[Record]) -> Iterator[tuple[int, Record]]:
    """Each with the line that it stands on, in a text that begins on `line`."""
    counted = 0
    places = _ASKED.finditer(text)
    for record in questions:
        place = next(places, None)
        if place is not None:
            line += text.count("\n", counted, place.start())
            counted = place.start()
        yield line, record


def _questions(where: str, article: Any) -> Iterator[Record]:
    title = article.get("title") if isinstance(article, dict) else None
    for at, paragraph in enumerate(_listed(article, "paragraphs", where=where)):
        inside = f"{where}.paragraphs[{at}]"
        for asked in _listed(paragraph, "qas", where=inside):
            yield {
                "id": asked.get("id"),
                "title": title,
                "question": asked.get("question"),
                "context": paragraph.get("context"),
                "answers": asked.get("answers", []),
            }


def _listed(value: Any, key: str, *, where: str) -> list[dict[str, Any]]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise _expected(f"{where}.{key}")
    return found


def _expected(where: str) -> DataError:
    return DataError(f"{where}: expected a list of objects, as in SQuAD's files")
