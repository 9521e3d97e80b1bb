"""XML: the elements that come again and again are the records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar, cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from luthier.core.errors import DataError
from luthier.data.content import PIECE_BYTES, Content
from luthier.data.sources import sources
from luthier.data.sources.contract import Record

_LOOKED_AT = 20_000
"""Elements that tell which of them are records."""


@sources.add
class Xml:
    """Attributes and children are columns; children of one name a list; text beside them `text`.

    Lines are the numbers of the records, from 1.
    """

    suffixes: ClassVar[frozenset[str]] = frozenset({"xml"})
    binary: ClassVar[bool] = True  # it says itself how it is encoded
    parts: ClassVar[str] = ""
    is_sure: ClassVar[bool] = False

    def accepts(self, content: Content) -> bool:
        start = content.head[:1000].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").replace(b"\0", b"")
        is_named = content.suffix in self.suffixes and start.startswith(b"<")
        return (start.startswith(b"<?xml") or is_named) and b"<html" not in start.lower()

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        path = _repeated(content)
        how = f"XML, a row per <{path[-1]}>; line numbers are row numbers"
        return _records(content, path), how


def _repeated(content: Content) -> tuple[str, ...]:
    """The names down to the elements that are records: of all that come twice or more, those
    nearest to the root, and of these the most frequent."""
    found: Counter[tuple[str, ...]] = Counter()
    open_names: list[str] = []
    for kind, element in _events(content):
        if kind == "start":
            open_names.append(_name(element))
            found[tuple(open_names)] += 1
        else:
            open_names.pop()
            element.clear()
        if found.total() > _LOOKED_AT:
            break
    again = [path for path, count in found.items() if count > 1 and len(path) > 1]
    if not again:
        raise DataError(
            f"{content.name}: no element in it comes twice, expected a list of records.\n"
            "    Write the rows as JSON Lines or CSV, and name that file"
        )
    return min(again, key=lambda path: (len(path), -found[path]))


def _records(content: Content, path: tuple[str, ...]) -> Iterator[tuple[int, Record]]:
    open_elements: list[Element] = []
    number = 0
    for kind, element in _events(content):
        if kind == "start":
            open_elements.append(element)
            continue
        is_record = tuple(map(_name, open_elements)) == path
        open_elements.pop()
        if is_record:
            number += 1
            held = _held(element)
            yield number, held if isinstance(held, dict) else {"text": held}
        if len(open_elements) < len(path):
            element.clear()
            if open_elements:
                open_elements[-1].remove(element)


def _events(content: Content) -> Iterator[tuple[str, Element]]:
    """Every element as it begins and ends. Raises: DataError: it is no XML; with the line."""
    parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
    try:
        with content.open() as file:
            while piece := file.read(PIECE_BYTES):
                parser.feed(piece)
                yield from _known(parser)
        parser.close()
        yield from _known(parser)
    except ParseError as error:
        line, column = error.position
        said = str(error).partition(":")[0]
        raise DataError(
            f"{content.name} line {line}, character {column + 1}: not valid XML ({said}).\n"
            "    Mend that place, or write the rows as JSON Lines or CSV"
        ) from None


def _known(parser: XMLPullParser[Element]) -> Iterator[tuple[str, Element]]:
    return cast("Iterator[tuple[str, Element]]", parser.read_events())


def _held(element: Element) -> Any:
    """An element as text, or as an object of its attributes and children."""
    columns: dict[str, Any] = dict(element.attrib)
    for child in element:
        name, value = _name(child), _held(child)
        if name not in columns:
            columns[name] = value
        elif isinstance(columns[name], list):
            columns[name].append(value)
        else:
            columns[name] = [columns[name], value]
    text = "".join([element.text or "", *(child.tail or "" for child in element)]).strip()
    if not columns:
        return text
    return {**columns, "text": text} if text and "text" not in columns else columns


def _name(element: Element) -> str:
    """Without its namespace."""
    return element.tag.rpartition("}")[2]
