"""JSON values out of a text that is read a piece at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from luthier.core.errors import DataError
from luthier.data.content import LONGEST_LINE, Content
from luthier.data.json_value import DECODER
from luthier.data.sources._syntax import OPEN, is_cut, syntax_error

_SPACE = re.compile(r"[ \t\r\n]*")
_LITERAL = 16
"""Characters at the end of a piece that may be half of a number, a literal or an escape."""


class Values:
    """A place in a JSON text, and the lines before it. Only what stands around it is in memory."""

    def __init__(self, content: Content) -> None:
        self.name = content.name
        self.line = 1
        self._pieces = content.pieces()
        self._text, self._at, self._column = "", 0, 0
        self._start = 0

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._pass(match.end() if match else self._at)
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def take(self, mark: str) -> None:
        """Go past a mark. Raises: DataError: something else stands there."""
        if self.peek() != mark:
            self._fail(json.JSONDecodeError(f"Expecting '{mark}'", self._text, self._at))
        self._pass(self._at + 1)

    def value(self) -> Any:
        """The value that begins here. Raises: DataError: it is no JSON, or larger than any row."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not (self._may_be_cut(error) and self._more()):
                    self._fail(error)
                continue
            if end == len(self._text) and self._more():
                continue  # a number may go on
            self._start = self._at
            self._pass(end)
            return value

    def written(self) -> str:
        """The text of the value that was just read."""
        return self._text[self._start : self._at]

    def elements(self) -> Iterator[tuple[int, Any]]:
        """The elements of the array that begins here, each with the line on which it begins."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        while True:
            self.peek()
            line = self.line
            yield line, self.value()
            if self.peek() == "]":
                self.take("]")
                return
            self.take(",")

    def keys(self) -> Iterator[str]:
        """The keys of the object that begins here. Whoever walks them takes each value."""
        self.take("{")
        if self.peek() == "}":
            self.take("}")
            return
        while True:
            key = self.value()
            self.take(":")
            self.peek()
            yield str(key)
            if self.peek() == "}":
                self.take("}")
                return
            self.take(",")

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith(OPEN) or error.pos >= len(self._text) - _LITERAL

    def _more(self) -> bool:
        """Read on, dropping what is behind; as much again as is held, so that few attempts are
        made at a long value.

        Raises: DataError: what is held is longer than any row.
        """
        held = self._text[self._at :]
        if len(held) > LONGEST_LINE:
            raise DataError(
                f"{self.name} line {self.line}: a JSON value of more than {LONGEST_LINE >> 20} "
                "million characters, expected a row.\n    Write it again, an object for each row"
            )
        found, wanted = [held], max(len(held), 1)
        while wanted > 0 and (piece := next(self._pieces, "")):
            found.append(piece)
            wanted -= len(piece)
        if len(found) == 1:
            return False
        end = self._text.rfind("\n", 0, self._at) + 1
        self._column = self._at - end + (0 if end else self._column)
        self._text, self._at = "".join(found), 0
        return True

    def _pass(self, at: int) -> None:
        self.line += self._text.count("\n", self._at, at)
        self._at = at

    def _fail(self, error: json.JSONDecodeError) -> NoReturn:
        line = self.line + self._text.count("\n", self._at, error.pos)
        is_last = is_cut(error) and not self._more_than_space()
        before = " " * self._column  # of its line, no longer held
        placed = json.JSONDecodeError(error.msg, before + error.doc, error.pos + self._column)
        raise syntax_error(placed, where=self.name, line=line, is_last=is_last) from None

    def _more_than_space(self) -> bool:
        return any(piece.strip() for piece in self._pieces)
