"""Numbers of payment cards (ISO/IEC 7812): usual groups, a known issuer and Luhn's check digit.

Thirteen digits in a row are no card, though Visa once issued such: they are articles (EAN-13).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from stdnum import luhn

from luthier.data.personal import kinds

FOUR = re.compile(r"\d{4}")
SHAPE = re.compile(
    r"""(?<!\d)(?<!\d[.,])(?:
        \d{14,19}
      | \d{4}(?P<four>[ \u00a0-])\d{4}(?P=four)\d{4}(?P=four)\d{4}(?P<tail>(?P=four)\d{1,3})?
      | \d{4}(?P<six>[ \u00a0-])\d{6}(?P=six)\d{4,5}
      | \d{4}(?P<three>[ \u00a0-])\d{3}(?P=three)\d{3}(?P=three)\d{3}
    )(?!\d|[.,]\d)""",
    re.X,
)
ISSUERS = (
    (re.compile(r"4"), frozenset({13, 16, 19})),  # Visa
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), frozenset({16})),  # Master
    (re.compile(r"3[47]"), frozenset({15})),  # American Express
    (re.compile(r"30[0-5]|3095|3[689]"), frozenset({14, 16, 19})),  # Diners Club
    (re.compile(r"6011|64[4-9]|65"), frozenset({16, 19})),  # Discover
    (re.compile(r"352[89]|35[3-8]"), frozenset({16, 19})),  # JCB
    (re.compile(r"62|81"), frozenset({16, 17, 18, 19})),  # UnionPay
    (re.compile(r"5018|5020|5038|5893|6304|6759|676[1-3]"), frozenset(range(14, 20))),  # Maestro
    (re.compile(r"220[0-4]"), frozenset({16, 19})),  # Mir
    (re.compile(r"60|508[5-9]|8[12]"), frozenset({16})),  # RuPay
)


@kinds.add
class Card:
    """4111 1111 1111 1111, also without spaces and in the groups of American Express."""

    mark: ClassVar[str] = "CARD"
    is_grave: ClassVar[bool] = False
    rank: ClassVar[int] = 40

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        if not FOUR.search(text):
            return
        match = SHAPE.search(text)
        while match:
            end = _end(match)
            if end:
                yield match.start(), end
            match = SHAPE.search(text, end or match.start() + 1)


def _end(match: re.Match[str]) -> int | None:
    """Where the card's number ends, with the last group or before it; None: it is none."""
    digits = re.sub(r"\D", "", match.group())
    if _is_card(digits):
        return match.end()
    # What follows sixteen digits may be the month of expiry or the code on the back.
    return match.start("tail") if match["tail"] and _is_card(digits[:16]) else None


def _is_card(digits: str) -> bool:
    known = any(len(digits) in lengths and prefix.match(digits) for prefix, lengths in ISSUERS)
    return known and len(set(digits)) > 1 and luhn.is_valid(digits)
