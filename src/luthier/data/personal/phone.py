"""Telephone numbers, checked against the numbering plans that phonenumbers carries.

With `+` or `00` any country's. Without, only where the shape says so: a leading 0 or parentheses,
the groups of North America, or a word such as "call" before it, and valid in a region of a handful.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from phonenumbers import Leniency, PhoneNumberMatcher
from stdnum import isbn

from luthier.data.personal import kinds
from luthier.data.personal._apart import apart

RUN = re.compile(
    r"""(?:(?<![\w+])\(?\+|(?<![\w\#$€£¥%/&-])(?<!\d[.,])\(?)
        \d(?:[ \u00a0./()\u2010-\u2013-]{0,3}\d){6,39}""",
    re.X,
)
TRUNK_REGIONS = ("GB", "DE", "FR", "IT", "NL", "BE", "CH", "AT", "AU", "IN", "SE", "BR", "US")
SPOKEN_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "IN", "PL", "PT", "NL", "NO", "BR", "MX")
NORTH_AMERICA = re.compile(
    r"(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d(?P<mark>[ \u00a0./\u2010-\u2013-]))[2-9]\d\d"
    r"(?(mark)(?P=mark)|[ .-])\d{4}(?!\d)"
)
TRUNK = re.compile(r"\(?0(?:[1-9]|0[ -]?[1-9])|\(\d\d\d?\)")
WORD = re.compile(
    r"\b(?:tele?(?:ph|f)?on\w*|tel|phone|mobile|mob|cell|call|calling|called|ring|dial|fax|"
    r"text|sms|ph|whats ?app|hotline|handy|mobil|rufnummer|téléphone|tél|móvil|celular|"
    r"(?:my|his|her|their|our)\W(?:new\W)?number)"
    r"(?:\W{1,3}(?:me|us|him|her|number|nummer|no|nr|is|at|on)\b){0,3}\W{0,3}$",
    re.I,
)
DATE = re.compile(
    r"(?<!\d)(?:\d{1,2} ?[./-]\d{1,2}[./-](?:19|20)\d\d|(?:19|20)\d\d[./-]\d\d[./-]\d\d)(?!\d)"
)
NUMBER = re.compile(r"\(?(?:0?\.\d+$|0[ -]\d+[ -]\d+[ -]\d$|\d{5}-\d{4}$|0123456789|[01]+$)")
"""A fraction, an ISBN of ten digits, a postal code of nine, the ten digits, a binary number."""
FEWEST_TRUNK_DIGITS = 9
LOOK_BACK = 32
FURTHER = 12
"""So many characters behind the digits may hold an extension."""


@kinds.add
class Phone:
    """+44 20 7946 0958, (415) 555-2671, 030 123456."""

    mark: ClassVar[str] = "PHONE"
    is_grave: ClassVar[bool] = False
    rank: ClassVar[int] = 70

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        return apart(span for run in RUN.finditer(text) for span in _numbers(text, run))


def _regions(text: str, run: re.Match[str]) -> tuple[str | None, ...]:
    """Where the digits may be a number, the likeliest first; empty: nowhere."""
    digits = run.group()
    if digits.startswith(("+", "(+")):
        return (None,)
    if NUMBER.match(digits):
        return ()
    said = WORD.search(text[max(0, run.start() - LOOK_BACK) : run.start()])
    if not said and digits.isdigit() and isbn.is_valid(digits):
        return ()
    regions: list[str] = []
    if NORTH_AMERICA.search(digits):
        regions.append("US")
    count = sum(map(str.isdigit, digits))
    if TRUNK.match(digits) and count >= FEWEST_TRUNK_DIGITS:
        regions += TRUNK_REGIONS
    if said:
        regions += SPOKEN_REGIONS
    return tuple(dict.fromkeys(regions))


def _numbers(text: str, run: re.Match[str]) -> list[tuple[int, int]]:
    """The numbers within a run of digits, by the first region that knows any."""
    first = max(0, run.start() - 2)
    window = text[first : run.end() + FURTHER]
    for region in _regions(text, run):
        found = PhoneNumberMatcher(window, region, leniency=Leniency.VALID, max_tries=20)
        spans = [(first + match.start, first + match.end) for match in found]
        spans = [(start + _is_open(text[start:end]), end) for start, end in spans]
        spans = [(start, end) for start, end in spans if start < run.end()]
        if region:
            spans = [span for span in spans if _is_whole(text, *span)]
        if spans:
            return spans
    return []


def _is_open(number: str) -> bool:
    """Whether a parenthesis opens before the number and closes behind it."""
    return number.startswith("(") and ")" not in number


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether it is no part of a longer number and holds no date."""
    if re.match(r"[.-]\d", text[end : end + 2]) or re.match(
        r"\d[.-]", text[max(0, start - 2) : start]
    ):
        return False
    return not DATE.search(text, start, end)
