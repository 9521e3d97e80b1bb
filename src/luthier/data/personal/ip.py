"""Addresses in the internet, IPv4 and IPv6 (RFC 4291), that may lead to a person.

Left out: the own machine, 0.0.0.0, masks of networks, addresses of groups; what stands where a
version does; and four numbers below ten, such as 1.2.3.4, which are sections unless a word says so.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import ClassVar

from luthier.data.personal import kinds
from luthier.data.personal._apart import apart

FOUR = re.compile(r"(?<![\w.,])(?<!\d-)(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\w|,\d\d(?![\d.]))")
SIX = re.compile(r"(?<![\w:.])(?=[0-9a-f]{0,4}:)[0-9a-f:]{2,40}(?:[\d.]{6,15})?(?!\w)", re.I)
VERSION = re.compile(
    r"(?:\b(?:v|ver|versions?|releases?|build|firmware|driver|section|chapter|clause|article|"
    r"figure|table|part|rev|revision)\b[\s.:#=]{0,3}|§\s?|[a-z]/)$",
    re.I,
)
SAID = re.compile(r"\b(?:ip|ipv4|address|host|server|ping|dns|gateway)\b\W{0,3}(?:is\s)?$", re.I)
LOOK_BACK = 24
LONGEST_SIX = 45


@kinds.add
class Ip:
    """203.0.113.7 and 2001:db8::7."""

    mark: ClassVar[str] = "IP"
    is_grave: ClassVar[bool] = False
    rank: ClassVar[int] = 60

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        found = [
            *(_fours(text) if text.count(".") > 2 else []),
            *(_sixes(text) if text.count(":") > 1 else []),
        ]
        yield from apart(sorted(found, key=lambda span: (span[0], -span[1])))


def _fours(text: str) -> Iterator[tuple[int, int]]:
    for match in FOUR.finditer(text):
        before = text[max(0, match.start() - LOOK_BACK) : match.start()]
        small = all(len(part) == 1 for part in match.group().split("."))
        if VERSION.search(before) or (small and not SAID.search(before)):
            continue
        if _is_somebody(match.group()):
            yield match.span()


def _sixes(text: str) -> Iterator[tuple[int, int]]:
    for match in SIX.finditer(text):
        word = match.group().rstrip(".")
        if word.endswith(":") and not word.endswith("::"):
            word = word[:-1]
        if len(word) <= LONGEST_SIX and _is_no_time(word) and _is_somebody(word):
            yield match.start(), match.start() + len(word)


def _is_no_time(word: str) -> bool:
    """Whether groups of three digits and more are there: not so in 1::2, 12:30:45 and A::B."""
    groups = [group for group in word.split(":") if group]
    return len(groups) > 1 and any(len(group) > 2 for group in groups) and not word.isalpha()


def _is_somebody(word: str) -> bool:
    try:
        address = ipaddress.ip_address(word)
    except ValueError:
        return False
    nobody = address.is_loopback or address.is_unspecified or address.is_multicast
    return not nobody and not (address.version == 4 and address.is_reserved)
