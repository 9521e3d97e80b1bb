"""JSON Lines: one JSON value per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import ClassVar

from luthier.data.content import Content
from luthier.data.json_value import DECODER
from luthier.data.sources import sources
from luthier.data.sources._syntax import (
    as_record,
    first_lines,
    is_cut,
    is_lines,
    syntax_error,
)
from luthier.data.sources.contract import Record


@sources.add
class JsonLines:
    """Blank lines are skipped; line ends may be LF, CRLF or CR."""

    suffixes: ClassVar[frozenset[str]] = frozenset({"jsonl", "ndjson", "jsonlines"})
    binary: ClassVar[bool] = False
    parts: ClassVar[str] = ""
    is_sure: ClassVar[bool] = False

    def accepts(self, content: Content) -> bool:
        if is_lines(content.text):
            return True
        lines = first_lines(content.text[:1000], 2)
        return content.suffix in self.suffixes and len(lines) == 1 and lines[0][0] == "{"

    def read(self, content: Content) -> tuple[Iterator[tuple[int, Record]], str]:
        return _records(content), "one JSON object per line"


def _records(content: Content) -> Iterator[tuple[int, Record]]:
    name = content.name
    lines = ((number, line) for number, line in content.lines() if line.strip())
    for number, line in lines:
        try:
            value = DECODER.decode(line)
        except json.JSONDecodeError as error:
            is_last = is_cut(error) and next(lines, None) is None
            raise syntax_error(error, where=name, line=number, is_last=is_last) from None
        yield number, as_record(value, where=f"{name} line {number}")
