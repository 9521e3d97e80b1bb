"""A JSON document: an array of objects, an object keyed by id, or an object with one array."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from luthier.core.errors import DataError
from luthier.data.json_value import DECODER
from luthier.data.sources import sources
from luthier.data.sources._syntax import as_record, is_lines, syntax_error, unify_newlines
from luthier.data.sources.contract import Content, Record

_SPACE = re.compile(r"[ \t\r\n]*")


@sources.add
class JsonDocument:
    """Lines are those on which each element begins."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"json"})
    binary: ClassVar[bool] = False
    is_sure: ClassVar[bool] = False

    def accepts(self, content: Content) -> bool:
        start = content.text[:1000].lstrip()
        return start.startswith(("[", "{")) and not is_lines(content.text)

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        text = unify_newlines(content.text)
        start = _skip(text, 0)
        if text[start : start + 1] == "[":
            return _numbered(
                content.name, text, _elements(content.name, text, start)
            ), "a JSON array"
        if text[start : start + 1] == "{":
            return _keyed(content.name, text, start)
        raise DataError(
            f"{content.name} line 1: got {text[start : start + 20]!r}, "
            "expected a JSON array or object"
        )


def _keyed(name: str, text: str, start: int) -> tuple[Iterator[tuple[int, Record]], str]:
    members = list(_members(name, text, start))
    lists = [(key, value, at) for key, value, at in members if isinstance(value, list) and value]
    if len(lists) == 1:
        key, _, at = lists[0]
        return _numbered(name, text, _elements(name, text, at)), f"the JSON array under '{key}'"
    if members and all(isinstance(value, dict) for _, value, _ in members):
        pairs = ((at, {"id": key, **value}) for key, value, at in members)
        return _numbered(name, text, pairs), "a JSON object keyed by id"
    if len(lists) > 1:
        names = ", ".join(f"'{key}'" for key, _, _ in lists)
        raise DataError(
            f"{name}: the JSON object holds several arrays ({names}), and it is unclear which are "
            "the rows.\n    Save each to a file of its own: data.train, data.validation, data.test"
        )
    record = {key: value for key, value, _ in members}
    return iter([(1, record)]), "a single JSON object"


def _numbered(
    name: str, text: str, found: Iterator[tuple[int, Any]]
) -> Iterator[tuple[int, Record]]:
    line, counted = 1, 0
    for at, value in found:
        line += text.count("\n", counted, at)
        counted = at
        yield line, as_record(value, where=f"{name} line {line}")


def _elements(name: str, text: str, start: int) -> Iterator[tuple[int, Any]]:
    """(offset, value) of every element of the array that begins at `start`."""
    at = _skip(text, start + 1)
    if text[at : at + 1] == "]":
        return
    while True:
        value, end = _value(name, text, at)
        yield at, value
        at = _skip(text, end)
        if text[at : at + 1] == "]":
            return
        at = _skip(text, _expect(name, text, at, ","))


def _members(name: str, text: str, start: int) -> Iterator[tuple[str, Any, int]]:
    """(key, value, offset of the value) of every member of the object that begins at `start`."""
    at = _skip(text, start + 1)
    while text[at : at + 1] != "}":
        key, end = _value(name, text, at)
        at = _skip(text, _expect(name, text, _skip(text, end), ":"))
        value, end = _value(name, text, at)
        yield str(key), value, at
        at = _skip(text, end)
        if text[at : at + 1] != "}":
            at = _skip(text, _expect(name, text, at, ","))


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _value(name: str, text: str, at: int) -> tuple[Any, int]:
    try:
        return DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        is_last = not text[error.pos :].strip()
        raise syntax_error(error, where=name, line=error.lineno, is_last=is_last) from None


def _expect(name: str, text: str, at: int, mark: str) -> int:
    if text[at : at + 1] == mark:
        return at + 1
    error = json.JSONDecodeError(f"Expecting '{mark}'", text, at)
    is_last = not text[at:].strip()
    raise syntax_error(error, where=name, line=error.lineno, is_last=is_last)
