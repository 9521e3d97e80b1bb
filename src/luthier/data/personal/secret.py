"""Secrets: tokens of known services, private keys, passwords in addresses and in assignments.

Shapes of tokens are those that the services publish for scanners. The value of an assignment counts
where it looks drawn by chance, or where it follows a password's name as configurations write it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar

from luthier.data.personal import kinds

LONG = re.compile(r"[\w./+=-]{16}")
TOKEN = re.compile(
    r"""(?<![A-Za-z0-9_-])(?:
        (?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}
      | gh[pousr]_[A-Za-z0-9]{36,255} | github_pat_\w{22,255}
      | gl(?:pat|dt|rt|ptt|ft|soat|cbt|imt|agent)-[\w.-]{20,300}
      | xox[abeoprs]-[\w-]{10,250} | xapp-\d-[\w-]{10,250}
      | AIza[\w-]{35} | ya29\.[\w-]{20,1000} | GOCSPX-[\w-]{20,40}
      | (?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,250} | whsec_[A-Za-z0-9+/=]{24,100}
      | sk-ant-[\w-]{20,250}
      | sk-(?=[a-z_-]*[A-Z0-9])(?:(?:proj|svcacct|admin|or-v1|lf)-)?[A-Za-z0-9][\w-]{19,250}
      | hf_[A-Za-z0-9]{30,60} | gsk_[A-Za-z0-9]{40,60} | xai-[A-Za-z0-9]{60,90}
      | npm_[A-Za-z0-9]{36} | pypi-AgE[\w-]{50,500} | dop_v1_[a-f0-9]{64} | dapi[a-f0-9]{32}
      | SG\.[\w-]{16,32}\.[\w-]{30,64} | SK[a-f0-9]{32} | shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}
      | \d{8,10}:AA[\w-]{33}
      | eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{10,}
    )""",
    re.X,
)
WEBHOOK = re.compile(r"hooks\.slack\.com/services/(T\w{6,14}/B\w{6,14}/\w{20,30})")
BEARER = re.compile(r"\b(?:Bearer|Basic)\s{1,3}(?=[\w.~+/-]{0,60}?\d)([\w.~+/-]{20,}={0,2})")
HEAD = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
FOOT = re.compile(r"-----END [A-Z0-9 ]{1,50}-----")
LINE = re.compile(r"(?:\s|\\[nr])*[A-Za-z0-9+/=]{20,}")
"""Of a key that is cut off; line ends may be written out."""
ADDRESS = re.compile(r"://[^\s/:@\"'<>]{0,128}:([^\s/@\"'<>]{1,256})@(?=[\w\[])")
ASSIGNED = re.compile(
    r"""(?P<name>pass(?:word|wd|phrase|code)|pwd|passwort|contraseña|mot\ de\ passe
        |(?:api|access|account|secret|private|auth|encryption|signing|client)[_ -]?key
        |secret|token|credentials?)
        (?:[_-]\w{1,20})?["'`\]]{0,2}
        (?P<sign>\s{0,3}(?::=|=>|={1,2}|:)\s{0,3}|\s(?:is|was)[ :]\s{0,2})
        (?:(?P<quote>["'`])(?P<quoted>[^"'`\n]{4,256})(?P=quote)|(?P<bare>[^\s"'`,;<>(){}\[\]]{4,256}))
    """,
    re.I | re.X,
)
DOTTED = re.compile(r"[a-z_]\w*(?:\.[a-z_]\w*)+", re.I)
"""A name within a name, as programs write it."""
HUMPS = re.compile(r"[a-z]*(?:[A-Z][a-z]+)+")
NAMES = ("pass", "pwd", "secret", "token", "key", "credential", "contraseña")
SOMEWHERE_ELSE = re.compile(
    r"\$|\{|<|%\(|\*+$|(?:x+|\.+|none|null|true|false|str|string|bytes|text|int|any|optional|self|"
    r"required|password|passwd|secret|token|redacted|hidden|masked|change_?me|undefined|"
    r"(?:your|my|the|new|old|user|get|os|env|config|settings|args|process)[._-].*)$",
    re.I,
)
"""Instead of the value there is a gap to fill, a type, or a name for where it is kept."""


@kinds.add
class Secret:
    """ghp_..., -----BEGIN PRIVATE KEY-----, postgres://user:PASSWORD@host, api_key = "..."."""

    mark: ClassVar[str] = "SECRET"
    is_grave: ClassVar[bool] = True
    rank: ClassVar[int] = 10

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        small = text.lower()
        found = list(_assigned(text)) if any(name in small for name in NAMES) else []
        if LONG.search(text):
            found += [match.span() for match in TOKEN.finditer(text)]
            found += [match.span(1) for match in BEARER.finditer(text)]
            found += [match.span(1) for match in WEBHOOK.finditer(text)]
        if "://" in text:
            found += [match.span(1) for match in ADDRESS.finditer(text)]
        if "-----BEGIN" in text:
            found += _blocks(text)
        yield from _joined(found)


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Private keys from their first line to their last, or to where they are cut off."""
    for head in HEAD.finditer(text):
        dashes = text.find("-----", head.end())
        foot = FOOT.match(text, dashes) if dashes >= 0 else None
        end = foot.end() if foot else head.end()
        while not foot and (line := LINE.match(text, end)):
            end = line.end()
        if end > head.end():
            yield head.start(), end


def _joined(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """In order, those that overlap as one."""
    start = end = -1
    for first, last in sorted(spans):
        if first >= end:
            if end > start:
                yield start, end
            start, end = first, last
        end = max(end, last)
    if end > start:
        yield start, end


def _assigned(text: str) -> Iterator[tuple[int, int]]:
    for match in ASSIGNED.finditer(text):
        group = "quoted" if match["quoted"] else "bare"
        value, (start, end) = match[group], match.span(group)
        if group == "bare":
            value = value.rstrip(".?:")
            end = start + len(value)
        is_password = match["name"].lower().startswith(("pass", "pwd", "contra", "mot"))
        written = match["sign"].strip() in {"=", ":", "=>", ":=", "=="}
        plain = group == "quoted" or match["sign"] == match["sign"].strip()
        if SOMEWHERE_ELSE.match(value) or text[end : end + 1] in {"(", "["}:
            continue
        if _is_random(value, least=6 if is_password else 16 if not plain else 10):
            if written or is_password:
                yield start, end
        elif is_password and written and plain and _is_word(value, named=group == "bare"):
            yield start, end


def _is_random(value: str, *, least: int) -> bool:
    """Letters and digits of some variety, of which no word, path or number is made."""
    if len(value) < least or any(c.isspace() for c in value) or value[0] in "/.#)+,;":
        return False
    if len(set(value)) < 5 or "://" in value or DOTTED.fullmatch(value):
        return False
    if not any(map(str.isalpha, value)):
        return False
    return any(map(str.isdigit, value)) or (len(value) >= 10 and _is_mixed(value))


def _is_mixed(value: str) -> bool:
    """Capitals among small letters as in no word and no name of a variable: IdFoHLuoERdO."""
    changes = sum(one.islower() != other.islower() for one, other in pairwise(value))
    return value.isalpha() and changes > 2 and not HUMPS.fullmatch(value)


def _is_word(value: str, *, named: bool) -> bool:
    """One word that could be a password where the syntax says that a password stands there.

    Args: named: without quotes, so that user_password is the name of a variable.
    """
    if named and "_" in value:
        return False
    return len(value) >= 4 and not any(c.isspace() for c in value) and "." not in value
