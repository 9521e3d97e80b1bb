"""SQuAD's JSON: articles that hold paragraphs that hold questions; a record per question.

Source: Rajpurkar et al. 2016, arXiv:1606.05250; with questions that have no answer, 2018,
arXiv:1806.03822.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from luthier.core.errors import DataError
from luthier.data.sources import sources
from luthier.data.sources._syntax import syntax_error, unify_newlines
from luthier.data.sources.contract import Content, Record

_NESTED = re.compile(r'"paragraphs"\s*:\s*\[')
_ASKED = re.compile(r'(?<!\\)"question"\s*:')


@sources.add
class Squad:
    """Every record has `id`, `title`, `question`, `context` and `answers`."""

    suffixes: ClassVar[frozenset[str]] = frozenset()
    binary: ClassVar[bool] = False
    is_sure: ClassVar[bool] = True

    def accepts(self, content: Content) -> bool:
        start = content.text[:1000].lstrip()
        nested = _NESTED.search(content.text[:1_000_000]) is not None
        return start.startswith("{") and nested and '"qas"' in content.text

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        text = unify_newlines(content.text)
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            is_last = not text[error.pos :].strip()
            raise syntax_error(
                error, where=content.name, line=error.lineno, is_last=is_last
            ) from None
        return _numbered(content.name, text, document), "SQuAD's JSON, a row per question"


def _numbered(name: str, text: str, document: Any) -> Iterator[tuple[int, Record]]:
    line, counted = 1, 0
    places = _ASKED.finditer(text)
    for record in _questions(name, document):
        place = next(places, None)
        if place is not None:
            line += text.count("\n", counted, place.start())
            counted = place.start()
        yield line, record


def _questions(name: str, document: Any) -> Iterator[Record]:
    for number, article in enumerate(_listed(document, "data", where=name)):
        where = f"{name}, data[{number}]"
        for at, paragraph in enumerate(_listed(article, "paragraphs", where=where)):
            inside = f"{where}.paragraphs[{at}]"
            for asked in _listed(paragraph, "qas", where=inside):
                yield {
                    "id": asked.get("id"),
                    "title": article.get("title"),
                    "question": asked.get("question"),
                    "context": paragraph.get("context"),
                    "answers": asked.get("answers", []),
                }


def _listed(value: Any, key: str, *, where: str) -> list[dict[str, Any]]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise DataError(f"{where}.{key}: expected a list of objects, as in SQuAD's files")
    return found
