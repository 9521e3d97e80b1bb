"""International bank account numbers (ISO 13616): country, length, structure and check digits.

The lengths of countries and the check are those of python-stdnum, from SWIFT's register.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import ClassVar

from stdnum import iban, numdb

from luthier.data.personal import kinds

TWO = re.compile(r"\d\d")
START = re.compile(r"(?<![^\W_])[A-Z]{2}(?=\d\d[ \u00a0.-]?[A-Z\d])", re.I)
MORE = re.compile(r"[ \u00a0.-]?[A-Z\d]", re.I)


@kinds.add
class Iban:
    """DE89 3704 0044 0532 0130 00, with or without spaces."""

    mark: ClassVar[str] = "IBAN"
    is_grave: ClassVar[bool] = False
    rank: ClassVar[int] = 30

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        if not TWO.search(text):
            return
        free = 0
        for start in START.finditer(text):
            length = _length(start.group().upper())
            if length and start.start() >= free:
                end = _end(text, start.start(), length)
                if end:
                    yield start.start(), end
                    free = end


@cache
def _length(country: str) -> int:
    """How many characters a number of the country has; 0: there is no such country."""
    facts = numdb.get("iban").info(country)[0][1]
    return 4 + sum(int(count) for count in re.findall(r"(\d+)!", facts["bban"])) if facts else 0


def _end(text: str, start: int, length: int) -> int | None:
    """Where the number ends that starts at `start`; None: there is none of that length."""
    end = start
    for _ in range(length):
        more = MORE.match(text, end)
        if not more:
            return None
        end = more.end()
    if text[end : end + 1].isalnum():
        return None
    number = text[start:end].replace("\u00a0", " ")
    return end if iban.is_valid(number, check_country=False) else None
