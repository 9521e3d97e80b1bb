"""A JSON document: an array of objects, an object keyed by id, or an object with one array."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from luthier.core.errors import DataError
from luthier.data.content import Content
from luthier.data.sources import sources
from luthier.data.sources._parts import beside, chosen
from luthier.data.sources._syntax import as_record, is_lines, is_one_line
from luthier.data.sources._values import Values
from luthier.data.sources.contract import Record


@sources.add
class JsonDocument:
    """Lines are those on which each element begins; of a document of one line elements are
    numbered."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"json"})
    binary: ClassVar[bool] = False
    parts: ClassVar[str] = "arrays"
    is_sure: ClassVar[bool] = False

    def accepts(self, content: Content) -> bool:
        start = content.text[:1000].lstrip()
        return start.startswith(("[", "{")) and not is_lines(content.text)

    def is_numbered(self, content: Content) -> bool:
        return is_one_line(content.text)

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        values = Values(content)
        start = values.peek()
        if start == "[" and not content.part:
            return _records(content, values.elements()), "a JSON array"
        if start == "{":
            return _of_object(content)
        raise DataError(
            f"{content.name} line 1: got {content.text.lstrip()[:20]!r}, "
            "expected a JSON array or object"
        )


def _of_object(content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
    """Read twice: what its values are is known only at its end."""
    lists, empty, are_objects = list[str](), list[str](), list[bool]()
    values = Values(content)
    for key in values.keys():  # noqa: SIM118 (no dict)
        if values.peek() == "[":
            are_objects.append(False)
            has_any = sum(1 for _ in values.elements()) > 0
            (lists if has_any else empty).append(key)
        else:
            are_objects.append(isinstance(values.value(), dict))
    wanted = chosen(lists, content, "arrays") if lists or content.part else ""
    if wanted:
        found = _of_member(content, wanted)
        return _records(content, found), f"the JSON array under '{wanted}'{beside(empty)}"
    members = _members(content)
    if are_objects and all(are_objects):
        keyed = ((line, {"id": key, **value}) for line, key, value in members)
        return keyed, "a JSON object keyed by id"
    return iter([(1, {key: value for _, key, value in members})]), "a single JSON object"


def _of_member(content: Content, wanted: str) -> Iterator[tuple[int, Any]]:
    """The elements of the array that is not empty below a key."""
    values = Values(content)
    for key in values.keys():  # noqa: SIM118
        if values.peek() != "[":
            values.value()
            continue
        for element in values.elements():
            if key == wanted:
                yield element


def _members(content: Content) -> Iterator[tuple[int, str, Any]]:
    values = Values(content)
    is_numbered = is_one_line(content.text)
    for number, key in enumerate(values.keys(), start=1):
        yield number if is_numbered else values.line, key, values.value()


def _records(content: Content, found: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, Record]]:
    is_numbered = is_one_line(content.text)
    for number, (line, value) in enumerate(found, start=1):
        place = number if is_numbered else line
        where = f"{content.name} {'row' if is_numbered else 'line'} {place}"
        yield place, as_record(value, where=where)
