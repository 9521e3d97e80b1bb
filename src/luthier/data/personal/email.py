"""Addresses of electronic mail, with accents and internationalised domains (RFC 5321, RFC 6531).

Quoted local parts and domains that are numbers in brackets are not looked for. `git@` is no person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from luthier.data.personal import kinds

LONGEST_LOCAL, LONGEST_DOMAIN = 64, 253
LOCAL_REVERSED = re.compile(r"[\w.%+'~!#$-]+")
"""Without `=`, `&`, `/` and `?`: in texts they end a key or a path rather than begin a name."""
DOMAIN = re.compile(
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,63})(?![\w-])", re.I
)
FILES = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "json", "html", "ttf"})
"""`icon@2x.png` is the name of a picture."""
MACHINES = frozenset({"git", "svn", "hg"})


@kinds.add
class Email:
    """name@example.org, also name+tag@mail.example.co.uk."""

    mark: ClassVar[str] = "EMAIL"
    is_grave: ClassVar[bool] = False
    rank: ClassVar[int] = 20

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        at, free = text.find("@"), 0
        while at >= 0:
            span = _around(text, at, free)
            if span:
                yield span
                free = span[1]
            at = text.find("@", at + 1)


def _around(text: str, at: int, free: int) -> tuple[int, int] | None:
    """The address around the sign at `at`; None: it is none. Looks back no further than `free`."""
    before = LOCAL_REVERSED.match(text[max(free, at - LONGEST_LOCAL) : at][::-1])
    after = DOMAIN.match(text, at + 1, at + 1 + LONGEST_DOMAIN) if before else None
    if not before or not after:
        return None
    local = before.group()[::-1].lstrip(".'!#$%~-")
    named = any(character.isalnum() for character in local) and not local.endswith(".")
    ending = after.group().rpartition(".")[2].lower()
    if not named or ending in FILES or local.lower() in MACHINES:
        return None
    return at - len(local), after.end()
