"""JSON values in text, with errors that name the file, the line and what to do."""

from __future__ import annotations

import json
from typing import Any

from luthier.core.errors import DataError
from luthier.data.json_value import DECODER
from luthier.data.sources.contract import Record

_BLANK = " \t\r\n\0"
OPEN = "Unterminated string"
"""How the message begins for a text that does not end."""
_WORDS = ("true", "false", "null", "NaN", "Infinity", "-Infinity")


def unify_newlines(text: str) -> str:
    """`text` with every line end as a single line feed; U+0085 and the like stay in the line."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def first_lines(text: str, count: int) -> list[str]:
    """The first non-blank lines, without white space around them."""
    found: list[str] = []
    start = 0
    while start < len(text) and len(found) < count:
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        line = text[start:end].strip(_BLANK)
        if line:
            found.append(line)
        start = end + 1
    return found


def is_lines(text: str) -> bool:
    """Whether several lines each hold a JSON value of their own."""
    lines = first_lines(unify_newlines(text[:4_000_000]), 2)
    if len(lines) < 2 or lines[0][0] not in "[{":
        return False
    if lines[0][0] == "{" and lines[1][0] == "{":
        return True
    try:
        DECODER.decode(lines[0])
    except ValueError:
        return False
    return True


def is_one_line(text: str) -> bool:
    """Whether the beginning of a file has no line end before which anything stands."""
    return not {"\r", "\n"}.intersection(text.strip(_BLANK))


def syntax_error(error: json.JSONDecodeError, *, where: str, line: int, is_last: bool) -> DataError:
    """The message for JSON that cannot be read."""
    problem = error.msg[0].lower() + error.msg[1:]
    hint = (
        "The file ends here and looks cut off: write it again, or delete the broken piece."
        if is_last
        else "Mend or delete that line; every line before it is fine."
    )
    return DataError(
        f"{where} line {line}, character {error.colno}: not valid JSON ({problem}); "
        f"got {_around(error)}.\n    {hint}"
    )


def _around(error: json.JSONDecodeError) -> str:
    piece = error.doc[max(0, error.pos - 30) : error.pos + 20]
    return repr(piece) if piece else "nothing"


def as_record(value: Any, *, where: str) -> Record:
    """A JSON value as a record: objects as they are, a string as text, a list by position.

    Raises: DataError: the value is a number, true, false or null.
    """
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, list):
        return {f"column_{index}": item for index, item in enumerate(value, start=1)}
    raise DataError(f'{where}: got {value!r}, expected an object such as {{"text": "..."}}')


def is_cut(error: json.JSONDecodeError) -> bool:
    """Whether what follows may have been cut off where the text ends."""
    rest = error.doc[error.pos :].strip()
    return error.msg.startswith(OPEN) or any(word.startswith(rest) for word in _WORDS)
